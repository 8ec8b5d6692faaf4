import Extraction
import Model
import PipelineTesting
import Synchronization
import Testing

@testable import AWSConnector

/// Reports that IAM puts together before they can be read.
@Suite struct ReportTests {
  @Test func theCredentialReportIsWaitedFor() async {
    let generating = FakeAWS.xml("iam:GenerateCredentialReport", "<State>INPROGRESS</State>")
    let published = await FakeAWS.answering(
      "iam:GenerateCredentialReport", first: [generating, generating]
    ).attempt(collections: ["aws.iam.credentialReport"]).run()
    let end = published.end(of: "aws.iam.credentialReport")
    #expect(end?.outcome == .complete)
    #expect(
      end?.calls.map(\.operation) == [
        "iam:GenerateCredentialReport", "iam:GenerateCredentialReport",
        "iam:GenerateCredentialReport", "iam:GetCredentialReport",
      ])
  }

  @Test func aReportThatIsNeverReadyIsAnOutcome() async {
    let published = await FakeAWS.answering(
      "iam:GenerateCredentialReport",
      FakeAWS.xml("iam:GenerateCredentialReport", "<State>STARTED</State>")
    ).attempt(collections: ["aws.iam.credentialReport"]).run()
    let end = published.end(of: "aws.iam.credentialReport")
    #expect(end?.outcome == .failed)
    #expect(end?.message?.contains("was not ready") == true)
    #expect(end?.calls.count == AWSScan.maximumReportPolls)
  }

  @Test(arguments: ["<Content>%%%</Content>", "<Content>bm8gdGFibGU=</Content>"])
  func aReportThatIsNoneIsRefused(_ content: String) async {
    let published = await FakeAWS.answering(
      "iam:GetCredentialReport", FakeAWS.xml("iam:GetCredentialReport", content)
    ).attempt(collections: ["aws.iam.credentialReport"]).run()
    #expect(published.outcome(of: "aws.iam.credentialReport") == .failed)
  }

  @Test func aLineThatCannotBeReadIsAGap() throws {
    let report = try #require(
      CredentialReport("user,arn,mfa_active\none,arn:1,true\r\ntwo\n\"a,b\",arn:3,N/A\nfour,,true"))
    #expect(report.users.map(\.arn) == ["arn:1", "arn:3"])
    #expect(report.users.last?.json == ["user": "a,b", "arn": "arn:3"])
    #expect(report.unreadable == 2)
  }

  @Test func whatAnIdentityUsedIsWaitedFor() async {
    let running = FakeAWS.xml(
      "iam:GetServiceLastAccessedDetails", "<JobStatus>IN_PROGRESS</JobStatus>")
    let published = await FakeAWS.answering(
      "iam:GetServiceLastAccessedDetails", first: [running, running, running, running]
    ).attempt(collections: ["aws.iam.lastAccessed"]).run()
    let end = published.end(of: "aws.iam.lastAccessed")
    #expect(end?.outcome == .complete, "\(end?.message ?? "")")
    #expect(end?.kind == .activity)
    // Of two roles and a user; AWS's own role for a service is not asked about.
    #expect(
      published.records(of: "aws.iam.lastAccessed").map(\.key) == [
        "arn:aws:iam::111122223333:role/deploy", "arn:aws:iam::111122223333:role/idle",
        "arn:aws:iam::111122223333:user/ci",
      ])
    #expect(end?.calls.count { $0.operation == "iam:GenerateServiceLastAccessedDetails" } == 3)
  }

  @Test func noMoreIdentitiesAreAskedAboutThanTheLimit() async {
    let roles = (0..<AWSScan.maximumLastAccessed + 5).map {
      "<member><Arn>arn:aws:iam::\(FakeAWS.account):role/r\($0)</Arn><Path>/</Path></member>"
    }.joined()
    let aws = FakeAWS { operation, _ in
      switch operation {
      case "iam:ListRoles":
        FakeAWS.xml(operation, "<IsTruncated>false</IsTruncated><Roles>\(roles)</Roles>")
      case "iam:GenerateServiceLastAccessedDetails":
        FakeAWS.xml(operation, "<JobId>job-none</JobId>")
      default: nil
      }
    }
    let published = await aws.attempt(collections: ["aws.iam.lastAccessed"]).run()
    let end = published.end(of: "aws.iam.lastAccessed")
    #expect(end?.outcome == .partial)
    #expect(end?.records == Int64(AWSScan.maximumLastAccessed))
    #expect(end?.message?.contains("2000 roles and users at most, and there are 2006") == true)
  }

  @Test(arguments: [
    "<JobStatus>FAILED</JobStatus>",
    "<JobStatus>COMPLETED</JobStatus><ServicesLastAccessed>"
      + "<member><LastAuthenticated>2026-11-20T07:00:00Z</LastAuthenticated></member>"
      + "</ServicesLastAccessed>",
  ])
  func oneReportThatFailsIsAGap(_ report: String) async {
    let aws = FakeAWS { operation, call in
      operation == "iam:GetServiceLastAccessedDetails" && call.body.contains("job-deploy")
        ? FakeAWS.xml(operation, report) : nil
    }
    let published = await aws.attempt(collections: ["aws.iam.lastAccessed"]).run()
    let end = published.end(of: "aws.iam.lastAccessed")
    #expect(end?.outcome == .partial)
    #expect(end?.message?.hasPrefix("1 could not be read, the first: ") == true)
    #expect(end?.records == 2)
  }
}
