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
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "securityv0",
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
    // C libraries, and the only targets that import them.
    .systemLibrary(name: "CKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "KafkaClient", dependencies: ["CKafka", "Model"], swiftSettings: common),
    .target(
      name: "HTTPTransport", dependencies: ["CCurl", "Model", httpTypes], swiftSettings: common),
    .target(name: "Cryptography", dependencies: ["COpenSSL", "Model"], swiftSettings: common),
    .target(name: "PostgresClient", dependencies: ["CPostgres", "Model"], swiftSettings: common),
    .target(name: "JSONReader", dependencies: ["CSimdJSON", "Model"], swiftSettings: common),

    // What the parts share.
    .target(name: "Model", swiftSettings: strict),
    .target(
      name: "Pipeline", dependencies: ["JSONReader", "Model", lifecycle, logging, metrics],
      swiftSettings: strict),
    .target(
      name: "Schema", dependencies: ["Cryptography", "Model", "PostgresClient"],
      resources: [.embedInCode("migrations")], swiftSettings: strict),
    .target(
      name: "Observability",
      dependencies: [
        "Model", "Pipeline", httpTypes, hummingbird, lifecycle, logging, metrics,
        .product(name: "CoreMetrics", package: "swift-metrics"),
      ], swiftSettings: strict),
    .target(
      name: "Loading",
      dependencies: [
        "Cryptography", "Model", "Pipeline", "PostgresClient", "Schema", logging, metrics,
      ], swiftSettings: strict),
  ],
  cxxLanguageStandard: .cxx17
)
