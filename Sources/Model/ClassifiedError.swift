/// An error that knows whether trying the same thing again can help.
///
/// Worker loops back off and repeat on a retriable error; anything else is either bad input (a dead
/// letter) or our bug.
public protocol ClassifiedError: Error {
  var isRetriable: Bool { get }
}
