internal import Logging
internal import Metrics
internal import Model

/// What an apply did.
package struct Applied: Sendable {
  package var epoch: Int64
  package var graphVersion: Int64
  /// In order of their collections' names.
  package var plans: [CollectionPlan]
  package var changes: Changes

  /// Nodes and edges.
  package struct Changes: Sendable, Equatable {
    package var opened = 0
    package var closed = 0
    package var suspected = 0

    package init(opened: Int = 0, closed: Int = 0, suspected: Int = 0) {
      self.opened = opened
      self.closed = closed
      self.suspected = suspected
    }
  }

  package init(
    epoch: Int64, graphVersion: Int64, plans: [CollectionPlan], changes: Changes
  ) {
    self.epoch = epoch
    self.graphVersion = graphVersion
    self.plans = plans
    self.changes = changes
  }

  var metadata: Logger.Metadata {
    [
      "epoch": "\(epoch)", "graphVersion": "\(graphVersion)",
      "opened": "\(changes.opened)", "closed": "\(changes.closed)",
      "suspects": "\(changes.suspected)",
      "incomplete": "\(plans.filter { $0.outcome != .complete }.map(\.collection))",
    ]
  }

  func count() {
    Counter(label: "sv0_assertions_opened_total").increment(by: changes.opened)
    Counter(label: "sv0_assertions_closed_total").increment(by: changes.closed)
    for plan in plans {
      Counter(
        label: "sv0_collections_total", dimensions: [("outcome", plan.outcome.rawValue)]
      ).increment()
    }
  }
}
