internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let s3Vectors = AWSService(
    "s3vectors", .restJSON, domain: "api.aws", pages: "AmazonS3/latest/API/API_S3VectorBuckets_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 500))

  static let listVectorBuckets = AWSOperation(
    .s3Vectors, "ListVectorBuckets", post: "/ListVectorBuckets", paging: pages)
  static let getVectorBucketPolicy = AWSOperation(
    .s3Vectors, "GetVectorBucketPolicy", post: "/GetVectorBucketPolicy")
  static let listVectorIndexes = AWSOperation(
    .s3Vectors, "ListIndexes", post: "/ListIndexes", paging: pages)
}

extension AWSUnit {
  static let s3Vectors: [AWSUnit] = [
    .tree(
      AWSListing(
        .listVectorBuckets, items: ["vectorBuckets"],
        [
          AWSKind(
            "aws.s3vectors.bucket", key: .item("vectorBucketArn"), AWSNormalizer.vectorBucket)
        ],
        each: [
          AWSListing(
            .getVectorBucketPolicy, ["vectorBucketArn": .item("vectorBucketArn")],
            [
              AWSKind(
                "aws.s3vectors.bucketPolicy", key: .parent("vectorBucketArn"),
                members: [("Arn", .parent("vectorBucketArn")), ("Policy", .item("policy"))],
                AWSNormalizer.resourcePolicy("aws.s3vectors.bucketPolicy", of: "Arn", "Policy"))
            ]),
          AWSListing(
            .listVectorIndexes, ["vectorBucketArn": .item("vectorBucketArn")], items: ["indexes"],
            [
              AWSKind(
                "aws.s3vectors.index", key: .item("indexArn"),
                members: [("Bucket", .parent("vectorBucketArn")), ("Index", .at(0, []))],
                AWSNormalizer.vectorIndex)
            ]),
        ]))
  ]
}

extension AWSNormalizer {
  static func vectorBucket(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.s3vectors.bucket", arn: "vectorBucketArn", name: root.name("vectorBucketName"),
      ["created": root.time("creationTime")]
    ).assertions
  }

  static func vectorIndex(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let index = try record.root.value(at: "Index")
    let id = try index.name("indexArn")
    var assertions = try record.thing(
      .system, "aws.s3vectors.index", id: id, name: index.name("indexName"),
      ["created": index.time("creationTime")]
    ).assertions
    assertions.link(.contains, try record.root.name("Bucket"), id)
    return assertions
  }
}
