internal import ArgumentParser
internal import Cryptography
internal import Foundation
internal import KafkaClient
internal import Logging
internal import Model
internal import PostgresClient
internal import Scheduling

/// Options that every command has.
struct CommonOptions: ParsableArguments {
  @Option(help: "Settings file (YAML). The environment wins over it.")
  var config: String?

  /// - Throws: `Failure` 78 that lists every problem.
  func context() throws -> Context {
    Context(
      settings: try Settings(
        path: config, environment: ProcessInfo.processInfo.environment))
  }
}

/// Which customer a question is about.
struct TenantOption: ParsableArguments {
  @Option(help: "The tenant; default: $SV0_TENANT.")
  var tenant: String?

  func name() throws -> String {
    guard let name = tenant ?? ProcessInfo.processInfo.environment["SV0_TENANT"] else {
      throw Failure(.usage, "which tenant? Give --tenant NAME or export SV0_TENANT.")
    }
    guard Scope.isName(name) else {
      throw Failure(.usage, "--tenant: expected a name of A-Z a-z 0-9 . _ - :")
    }
    return name
  }
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

/// The form of an answer.
struct OutputOption: ParsableArguments {
  @Option(help: "text, or json: one object a line.")
  var output = OutputFormat.text
}

/// What commands and workers are built from.
struct Context: Sendable {
  let settings: Settings

  static func now() -> Timestamp {
    Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
  }

  static func ulid() throws -> String {
    ULID(at: now(), random: try SecureRandom.bytes(10)).description
  }

  var schedulingLimits: SchedulingLimits {
    SchedulingLimits(
      lease: settings.schedulerLease, attempts: settings.schedulerAttempts,
      inFlight: settings.schedulerInFlight,
      inFlightPerTenant: settings.schedulerInFlightPerTenant)
  }

  func pool(connections: Int = 4) throws -> PostgresPool {
    var configuration = try PostgresConfiguration(settings.requirePostgres())
    configuration.maximumConnections = connections
    return PostgresPool(configuration)
  }

  func ownerPool() throws -> PostgresPool {
    PostgresPool(try PostgresConfiguration(settings.requirePostgresOwner()))
  }

  /// - Parameter properties: what this client needs; a setting of the user's wins.
  func kafka(_ properties: [String: String] = [:], log: Logger? = nil) throws -> KafkaConfiguration
  {
    KafkaConfiguration(
      bootstrapServers: try settings.requireKafka(),
      properties: properties.merging(settings.kafkaProperties) { _, user in user },
      onNotice: log.map { log in
        { @Sendable notice in
          switch notice.level {
          case .debug: log.debug("\(notice.text)")
          case .info: log.info("\(notice.text)")
          case .warning, .error: log.warning("\(notice.text)")
          }
        }
      })
  }
}
