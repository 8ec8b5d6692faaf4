/// The two tables of assertions, as data: the statements of the diff are the same for both.
///
/// A name of a staged object is removed, tainted or neither: `Difference.dropRepeats` has made its
/// rows agree.
struct AssertionTable {
  let name: String
  /// What tells assertions of one object apart.
  let key: [String]
  /// What is versioned besides; `hash` is over it.
  let content: [String]

  static let nodes = AssertionTable(
    name: "nodes", key: ["id"], content: ["kind", "type", "name", "defines", "state", "hash"])
  static let edges = AssertionTable(
    name: "edges", key: ["kind", "from_id", "to_id", "discriminator"],
    content: ["basis", "state", "hash"])
  static let all = [nodes, edges]

  /// Equality of a stored row `g` and a staged row `s` on everything but tenant and scope.
  private var sameKey: String {
    (["collection", "object"] + key).map { "g.\($0) = s.\($0)" }.joined(separator: " AND ")
  }

  /// The staged rows of the attempt ($3, $4) in the collections that are written ($5).
  private var staged: String {
    "s.run = $3 AND s.attempt = $4 AND s.collection = ANY($5)"
  }

  /// The open rows of the scope ($1, $2).
  private let open = "g.tenant = $1 AND g.scope = $2 AND g.closed_epoch IS NULL"

  /// Closes at epoch $6, time $7, version $8.
  private let close = "closed_epoch = $6, closed_at = $7, closed_version = $8"

  /// Of several records of an object the highest sequence wins: drops the rows of the others.
  var dropSuperseded: String {
    """
    DELETE FROM sv0.staged_\(name) s USING (
      SELECT collection, object, max(sequence) AS sequence FROM sv0.staged_objects
      WHERE run = $1 AND attempt = $2 GROUP BY collection, object HAVING count(*) > 1) w
    WHERE s.run = $1 AND s.attempt = $2 AND s.collection = w.collection AND s.object = w.object
      AND s.sequence < w.sequence
    """
  }

  /// Closes the open version of every assertion that now says something else.
  var closeChanged: String {
    """
    UPDATE sv0.\(name) g SET \(close) FROM sv0.staged_\(name) s
    WHERE \(staged) AND \(open) AND \(sameKey) AND g.hash <> s.hash
    """
  }

  /// Opens a version of every assertion without an open one. A record that was delivered twice has
  /// its rows twice: the unique index lets one in.
  var openMissing: String {
    let columns = ["collection", "object"] + key + content
    return """
      INSERT INTO sv0.\(name) (tenant, scope, \(columns.joined(separator: ", ")), receipt_sha256,
        receipt_partition, receipt_offset, receipt_call, receipt_run, opened_epoch, opened_at,
        opened_version)
      SELECT $1, $2, \(columns.map { "s.\($0)" }.joined(separator: ", ")), s.receipt_sha256,
        s.receipt_partition, s.receipt_offset, s.receipt_call, $3, $6, $7, $8
      FROM sv0.staged_\(name) s
      WHERE \(staged) AND NOT EXISTS (
        SELECT FROM sv0.\(name) g WHERE \(open) AND \(sameKey))
      ON CONFLICT DO NOTHING
      """
  }

  /// Its object is present again, be it unreadable: no longer a suspect.
  var clearSuspects: String {
    """
    UPDATE sv0.\(name) g SET suspect_since = NULL
    WHERE \(open) AND g.suspect_since IS NOT NULL AND g.collection = ANY($5)
      AND \(objectPresent)
    """
  }

  private var absent: String {
    """
    NOT EXISTS (SELECT FROM sv0.staged_\(name) s WHERE \(staged) AND \(sameKey))
      AND NOT EXISTS (SELECT FROM sv0.staged_objects o WHERE o.run = $3 AND o.attempt = $4
        AND o.collection = g.collection AND o.object = g.object AND o.tainted)
    """
  }

  private let objectPresent = """
    EXISTS (SELECT FROM sv0.staged_objects o WHERE o.run = $3 AND o.attempt = $4
      AND o.collection = g.collection AND o.object = g.object AND NOT o.removed)
    """

  /// Closes what is absent from the collections of $9, and in those of $10 what their present
  /// objects no longer say and what has been a suspect since $11 or longer.
  var closeAbsent: String {
    """
    UPDATE sv0.\(name) g SET \(close)
    WHERE \(open) AND \(absent) AND (g.collection = ANY($9)
      OR (g.collection = ANY($10) AND (g.suspect_since <= $11 OR \(objectPresent))))
    """
  }

  /// Closes everything of the objects that are removed by name in the collections of $5.
  var closeNamed: String {
    """
    UPDATE sv0.\(name) g SET \(close) FROM (
      SELECT DISTINCT collection, object FROM sv0.staged_objects s WHERE \(staged) AND s.removed) o
    WHERE \(open) AND g.collection = o.collection AND g.object = o.object
    """
  }

  /// Marks what is absent from the collections of $6 as suspect since $7.
  var markSuspects: String {
    """
    UPDATE sv0.\(name) g SET suspect_since = $7
    WHERE \(open) AND g.suspect_since IS NULL AND g.collection = ANY($6) AND \(absent)
    """
  }

  /// Closes at epoch $3, time $4, version $5 what of the scope ($1, $2) meets the condition.
  func closing(where condition: String) -> String {
    """
    UPDATE sv0.\(name) g SET closed_epoch = $3, closed_at = $4, closed_version = $5
    WHERE \(open) AND \(condition)
    """
  }

  /// No suspects in collection $3 of the scope ($1, $2).
  var unmark: String {
    """
    UPDATE sv0.\(name) g SET suspect_since = NULL
    WHERE \(open) AND g.collection = $3 AND g.suspect_since IS NOT NULL
    """
  }
}
