internal import Cryptography
public import Model

extension PolicyDocument {
  /// The document with the digest of its canonical bytes.
  ///
  /// Here, because connectors do not see `Cryptography`.
  public init(canonical body: JSON) {
    self.init(digest: "sha256:" + SHA256.hexDigest(body.bytes), body: body)
  }
}
