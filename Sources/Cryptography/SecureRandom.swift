import COpenSSL

/// Random bytes that nobody can predict.
public enum SecureRandom {
  /// `count` bytes from OpenSSL's generator, which the operating system seeds.
  ///
  /// - Throws: `CryptographyError.randomnessUnavailable` when the system gave no entropy; no
  ///   weaker source is used instead.
  public static func bytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
    precondition((0...Int(Int32.max)).contains(count), "The count is a positive C int.")
    ERR_clear_error()
    var bytes = [UInt8](repeating: 0, count: count)
    guard RAND_bytes(&bytes, Int32(count)) == 1 else {
      throw .randomnessUnavailable(reason: drainOpenSSLErrors())
    }
    return bytes
  }
}
