internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let certificateManager = AWSService(
    "acm", .json(target: "CertificateManager"), pages: "acm/latest/APIReference/API_")
}

extension AWSOperation {
  /// Certificates with any kind of key: without being told, ACM lists those of RSA with 1024 and
  /// 2048 bits. Source: ACM API reference, `Filters`.
  static let listCertificates = AWSOperation(
    .certificateManager, "ListCertificates",
    fixed: [
      "Includes": [
        "keyTypes": [
          "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1",
          "EC_secp521r1",
        ]
      ]
    ], paging: Paging("NextToken", limit: ("MaxItems", 1000)))
}

extension AWSUnit {
  static let certificates: [AWSUnit] = [
    .tree(
      AWSListing(
        .listCertificates, items: ["CertificateSummaryList"],
        [AWSKind("aws.acm.certificate", key: .item("CertificateArn"), AWSNormalizer.certificate)]))
  ]
}

extension AWSNormalizer {
  /// ACM renews by itself what it issued, is in use and says to be eligible.
  static func certificate(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .credential, "aws.acm.certificate", arn: "CertificateArn", name: root.text("DomainName"),
      [
        "status": root.json("Status"), "type": root.json("Type"), "inUse": root.flag("InUse"),
        "exported": root.flag("Exported"), "renewal": root.json("RenewalEligibility"),
        "created": root.time("CreatedAt"), "expires": root.time("NotAfter"),
      ]
    ).assertions
  }
}
