public import Model

/// What stops the loader; what the database reports passes as it is.
public enum LoadingError: ClassifiedError, CustomStringConvertible {
  /// Somebody else has claimed the partition since.
  case fenced(TopicPartition)
  /// The database server has crashed since the partition was claimed, and emptied staging.
  case stagingLost(TopicPartition)
  /// At the offset is not the message that was read there, or none.
  case recreated(TopicPartition, offset: Int64)
  /// Messages that were never staged are kept no longer.
  case gone(TopicPartition, Range<Int64>)
  /// It is not known whether the database has taken the work.
  case interrupted(String)

  public var isRetriable: Bool {
    if case .interrupted = self { true } else { false }
  }

  /// The partition that may be read on by whoever the group assigns it to next.
  var lostPartition: TopicPartition? {
    switch self {
    case .fenced(let partition), .stagingLost(let partition): partition
    case .recreated, .gone, .interrupted: nil
    }
  }

  public var description: String {
    switch self {
    case .fenced(let partition):
      "Another loader has taken over \(partition). This one writes nothing of it unless it is "
        + "assigned the partition again."
    case .stagingLost(let partition):
      "The database server has crashed and emptied what was staged of \(partition). It has to be "
        + "assigned again: then it is read from the oldest attempt that was under way."
    case .recreated(let partition, let offset):
      "\(partition) is not the partition that was read before: at offset \(offset) there is another "
        + "message, or none. The topic was deleted and made again, or restored from a backup. "
        + "Nothing of it was loaded. If that was on purpose, stop the loaders, run "
        + "\(Self.forgetting(partition)) as the database's owner, start them, and scan again."
    case .gone(let partition, let offsets):
      "\(partition) no longer keeps the offsets \(offsets.lowerBound) to \(offsets.upperBound - 1), "
        + "which were not loaded yet: the loader was down for longer than the topic's retention. "
        + "The graph keeps what it has. Run \(Self.forgetting(partition)) as the database's owner, "
        + "start the loaders, and scan again what was under way."
    case .interrupted(let why): "\(why) The same messages are handled again."
    }
  }

  private static func forgetting(_ partition: TopicPartition) -> String {
    "SELECT sv0.forget_positions('\(partition.topic)')"
  }
}
