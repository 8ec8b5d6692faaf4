import Model
import Testing

@testable import Evaluation

@Suite struct ActionTableTests {
  @Test(arguments: [
    ("s3:ListBucket", AccessLevel.readMetadata), ("ec2:DescribeInstances", .readMetadata),
    ("iam:GetRole", .readMetadata), ("s3:GetObject", .readData), ("s3:PutObject", .write),
    ("kms:Decrypt", .readData), ("secretsmanager:GetSecretValue", .readData),
    ("lambda:UpdateFunctionCode", .administer), ("iam:PassRole", .manageAccess),
    ("iam:CreateAccessKey", .manageAccess), ("sts:AssumeRole", .manageAccess),
    ("s3:PutBucketPolicy", .manageAccess), ("S3:getobject", .readData),
    ("s3:GetBucketLocation", .readMetadata), ("s3:GetObjectTagging", .readMetadata),
    ("secretsmanager:GetResourcePolicy", .readMetadata),
    ("lambda:GetFunctionConfiguration", .readData), ("iam:UpdateSAMLProvider", .manageAccess),
    ("ram:AssociateResourceShare", .manageAccess), ("iam:DeleteUser", .write),
  ])
  func levelsAreWhatAHolderCanDo(action: String, level: AccessLevel) {
    #expect(ActionTable.aws.level(of: action) == level)
  }

  @Test func everyActionIsKnownWithTheResourcesItActsOn() {
    let update = ActionTable.aws.actions(of: "lambda").first {
      $0.name == "lambda:UpdateFunctionCode"
    }
    #expect(update?.resources == ["arn:*:lambda:*:*:function:*"])
    #expect(ActionTable.aws.actions(of: "s3").count > 100)
  }

  /// A policy grants what its wildcards match, whether the action is known or not.
  @Test func anUnknownActionMatchesWildcardsAndHasNoLevel() {
    #expect(ActionTable.aws.level(of: "lambda:InventedYesterday") == nil)
    #expect(ActionTable.aws.level(of: "newservice:Do") == nil)
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.document(Policy.allow("lambda:*"))])
    #expect(estate.decide(role, "lambda:InventedYesterday", on: "*") == .allowed)
    #expect(estate.decide(role, "newservice:Do", on: "*") == .denied)
  }
}
