// swift-tools-version: 6.3
import PackageDescription

// Every target: Swift 6, warnings are errors, imports state what they expose.
let common: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
// Outside the C wrappers nothing is unsafe.
let strict = common + [.strictMemorySafety()]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleTestKit = Target.Dependency.product(
  name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "securityv0",
  products: [.executable(name: "sv0", targets: ["sv0"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    // C libraries. Each is imported by exactly one client.
    .systemLibrary(name: "CKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),

    // Clients.
    .target(name: "KafkaClient", dependencies: ["CKafka", "Model"], swiftSettings: common),
    .target(name: "HTTPTransport", dependencies: ["CCurl", httpTypes], swiftSettings: common),
    .target(name: "Cryptography", dependencies: ["COpenSSL", "Model"], swiftSettings: common),
    .target(name: "PostgresClient", dependencies: ["CPostgres", "Model"], swiftSettings: common),
    .target(
      name: "JSONReader", dependencies: ["CExpat", "CSimdJSON", "Model"], swiftSettings: common),

    // What the workers share.
    .target(name: "Model", swiftSettings: strict),
    .target(
      name: "Pipeline", dependencies: ["JSONReader", "Model", lifecycle, logging, metrics],
      swiftSettings: strict),
    .target(
      name: "Schema", dependencies: ["Cryptography", "Model", "PostgresClient"],
      resources: [.embedInCode("migrations")], swiftSettings: strict),
    .target(
      name: "Authentication", dependencies: ["Cryptography", "Model", httpTypes],
      swiftSettings: strict),
    .target(
      name: "Extraction",
      dependencies: [
        "Authentication", "Cryptography", "JSONReader", "Model", "Pipeline", httpTypes, lifecycle,
        logging, metrics,
      ], swiftSettings: strict),

    // Connectors: one target each, and none sees a client or another connector.
    .target(
      name: "AWSConnector",
      dependencies: ["Authentication", "Extraction", "JSONReader", "Model", httpTypes, logging],
      path: "Sources/Connectors/AWS", swiftSettings: strict),

    // Workers, in the order in which a record passes them.
    .target(
      name: "Scheduling",
      dependencies: [
        "Authentication", "JSONReader", "Model", "Pipeline", "PostgresClient", "Schema", metrics,
      ], swiftSettings: strict),
    .target(
      name: "Transformation",
      dependencies: [
        "Cryptography", "Extraction", "JSONReader", "Model", "Pipeline", logging, metrics,
      ], swiftSettings: strict),
    .target(
      name: "Loading",
      dependencies: [
        "Cryptography", "Model", "Pipeline", "PostgresClient", "Schema", logging, metrics,
      ], swiftSettings: strict),
    .target(
      name: "Evaluation",
      dependencies: [
        "Cryptography", "JSONReader", "Model", "Pipeline", "PostgresClient", "Schema", logging,
        metrics,
      ], swiftSettings: strict),
    .target(
      name: "Notification",
      dependencies: [
        "Authentication", "Cryptography", "Extraction", "JSONReader", "Model", "Pipeline",
        httpTypes, metrics,
      ], swiftSettings: strict),

    // Around them.
    .target(
      name: "Observability",
      dependencies: [
        "Model", "Pipeline", coreMetrics, httpTypes, hummingbird, lifecycle, logging, metrics,
      ], swiftSettings: strict),
    .target(name: "LocalStack", swiftSettings: strict),
    .executableTarget(
      name: "sv0",
      dependencies: [
        "AWSConnector", "Authentication", "Cryptography", "Evaluation", "Extraction",
        "HTTPTransport", "JSONReader", "KafkaClient", "Loading", "LocalStack", "Model",
        "Notification", "Observability", "Pipeline", "PostgresClient", "Scheduling", "Schema",
        "Transformation", argumentParser, httpTypes, lifecycle, logging, unixSignals, yams,
      ], resources: [.embedInCode("topics")], swiftSettings: strict),

    // Tests.
    .target(
      name: "PipelineTesting",
      dependencies: [
        "Cryptography", "Extraction", "JSONReader", "Model", "Pipeline", "PostgresClient",
        "Schema", httpTypes, logging,
      ], swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: [
        "Authentication", "Cryptography", "Evaluation", "Extraction", "JSONReader", "Loading",
        "Model", "Notification", "Pipeline", "Scheduling", "Transformation", httpTypes, lifecycle,
        lifecycleTestKit, logging,
      ], path: "Tests/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "soak", dependencies: ["Simulation", argumentParser], path: "Tests/Soak",
      swiftSettings: strict),
    .executableTarget(
      name: "bench",
      dependencies: [
        "AWSConnector", "Authentication", "Cryptography", "Evaluation", "Extraction",
        "HTTPTransport", "JSONReader", "LocalStack", "Model", "Pipeline", "Simulation", httpTypes,
        logging,
      ], path: "Tests/Bench",
      exclude: ["aioboto.py", "boto.py", "pmapper.py", "reachability.py", "server.py"],
      swiftSettings: common),
    .testTarget(
      name: "AWSConnectorTests",
      dependencies: [
        "AWSConnector", "Authentication", "Extraction", "HTTPTransport", "JSONReader", "Model",
        "PipelineTesting", httpTypes, logging,
      ], exclude: ["Golden", "answers.py", "shapes.py", "stand_in.py"], swiftSettings: strict),
    .testTarget(
      name: "AuthenticationTests",
      dependencies: ["Authentication", "Cryptography", "Model", "PipelineTesting", httpTypes],
      swiftSettings: strict),
    .testTarget(
      name: "CryptographyTests", dependencies: ["Cryptography", "Model"], swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Cryptography", "HTTPTransport", "JSONReader", "KafkaClient", "LocalStack", "Model",
        httpTypes,
      ], path: "Tests/EndToEnd",
      exclude: [
        "account.py", "accounts.py", "fault_proxy.py", "listing.py", "organization.py",
        "receiver.py", "tcp_proxy.py", "validate.py",
      ], swiftSettings: common),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Cryptography", "Evaluation", "JSONReader", "Model", "PipelineTesting", "PostgresClient",
        "Schema", logging,
      ], exclude: ["Golden", "ocsf.py"], swiftSettings: strict),
    .testTarget(
      name: "ExtractionTests",
      dependencies: [
        "Authentication", "Extraction", "Model", "Pipeline", "PipelineTesting", httpTypes,
        lifecycle,
        lifecycleTestKit, logging,
      ], swiftSettings: strict),
    .testTarget(
      name: "HTTPTransportTests", dependencies: ["HTTPTransport", httpTypes],
      exclude: ["server.py"], swiftSettings: common),
    .testTarget(name: "JSONReaderTests", dependencies: ["JSONReader"], swiftSettings: strict),
    .testTarget(
      name: "KafkaClientTests", dependencies: ["KafkaClient", "Model"], swiftSettings: common),
    .testTarget(
      name: "LoadingTests",
      dependencies: [
        "Loading", "Model", "Pipeline", "PipelineTesting", "PostgresClient", "Schema", logging,
      ], swiftSettings: strict),
    .testTarget(name: "LayoutTests", swiftSettings: strict),
    .testTarget(name: "LocalStackTests", dependencies: ["LocalStack"], swiftSettings: common),
    .testTarget(name: "ModelTests", dependencies: ["Model"], swiftSettings: strict),
    .testTarget(
      name: "NotificationTests",
      dependencies: [
        "Authentication", "Extraction", "HTTPTransport", "Model", "Notification", "Pipeline",
        "PipelineTesting", httpTypes,
      ], exclude: ["receiver.py"], swiftSettings: strict),
    .testTarget(
      name: "SchedulingTests",
      dependencies: [
        "Authentication", "JSONReader", "Model", "Pipeline", "PipelineTesting", "PostgresClient",
        "Scheduling", "Schema",
      ], swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Cryptography", "Evaluation", "JSONReader", "Loading", "Model", "Pipeline",
        "PipelineTesting", "PostgresClient", "Scheduling", "Schema", "Simulation", lifecycle,
        logging,
      ], swiftSettings: strict),
    .testTarget(
      name: "ObservabilityTests",
      dependencies: ["Model", "Observability", coreMetrics, logging], swiftSettings: strict),
    .testTarget(
      name: "PipelineTests",
      dependencies: [
        "Model", "Pipeline", "PipelineTesting", lifecycle, lifecycleTestKit, logging,
      ], swiftSettings: strict),
    .testTarget(
      name: "PostgresClientTests", dependencies: ["Model", "PostgresClient"],
      swiftSettings: common),
    .testTarget(
      name: "SV0Tests",
      dependencies: ["Authentication", "Evaluation", "KafkaClient", "Model", "sv0", logging],
      swiftSettings: strict),
    .testTarget(
      name: "TransformationTests",
      dependencies: [
        "AWSConnector", "Cryptography", "Extraction", "JSONReader", "Model", "Pipeline",
        "Transformation", logging,
      ], swiftSettings: strict),
  ],
  cxxLanguageStandard: .cxx17
)
