/// An account of an organization, as its platform lists it.
public struct DiscoveredAccount: Sendable, Hashable {
  public var id: String
  /// What its state is, for a person, where it cannot be read in it (`suspended`).
  public var obstacle: String?

  public init(id: String, obstacle: String? = nil) {
    self.id = id
    self.obstacle = obstacle
  }
}
