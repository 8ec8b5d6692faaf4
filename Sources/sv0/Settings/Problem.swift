internal import Model

/// One thing that is wrong in a configuration.
struct Problem {
  /// Dotted, as in the file: `settings.regions[0]`.
  let key: String
  /// What is wrong, and what is accepted.
  let text: String
}

extension Failure {
  /// Every problem of a file at once, each with file, line, key and what is accepted.
  static func configuration(_ problems: [Problem], in file: YAMLFile) -> Failure {
    let lines = problems.map { problem in
      (file.line(of: problem.key), "\(problem.key): \(problem.text)")
    }
    let sorted = lines.sorted { $0.0 == $1.0 ? $0.1.precedes($1.1) : $0.0 < $1.0 }
    return Failure(
      .configuration,
      sorted.map { "\(file.path):\($0.0): \($0.1)" }.joined(separator: "\n"))
  }
}
