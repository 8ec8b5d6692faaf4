public import ArgumentParser
public import Evaluation
public import Model

extension Platform: ExpressibleByArgument {}
extension Priority: ExpressibleByArgument {}
extension Strength: ExpressibleByArgument {}

extension AccessLevel: ExpressibleByArgument {
  public init?(argument: String) {
    guard let level = Self.allCases.first(where: { $0.name == argument }) else { return nil }
    self = level
  }

  public static var allValueStrings: [String] { allCases.map(\.name) }
}
