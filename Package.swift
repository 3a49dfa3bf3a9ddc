// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PackageDescription

/// Continuous integration sets this, so that a warning in our own targets stops the build there and nowhere else.
let warningsAreErrors = Context.environment["SPANQ_WARNINGS_AS_ERRORS"] == "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "spanqueue",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "SpanQueue", targets: ["SpanQueue"]),
        .library(name: "SpanQueueRedis", targets: ["SpanQueueRedis"]),
        .library(name: "SpanQueuePostgres", targets: ["SpanQueuePostgres"]),
        .library(name: "SpanQueueHandlers", targets: ["SpanQueueHandlers"]),
        .library(name: "SpanQueueTelemetry", targets: ["SpanQueueTelemetry"]),
        .library(name: "SpanQueueOTLP", targets: ["SpanQueueOTLP"]),
        .library(name: "SpanQueueServer", targets: ["SpanQueueServer"]),
        .library(name: "SpanQueueTesting", targets: ["SpanQueueTesting"]),
        .executable(name: "spanq", targets: ["spanq"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CSpanQueueHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CSpanQueuePostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSpanQueueCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CSpanQueueOpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSpanQueueZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CSpanQueueTelemetry"),
        .target(
            name: "CSpanQueueTLS",
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        .target(
            name: "SpanQueueLoop",
            dependencies: [
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "HiredisClient",
            dependencies: [
                "CSpanQueueHiredis", "CSpanQueueTLS", "SpanQueueLoop",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "PostgresClient",
            dependencies: [
                "CSpanQueuePostgres", "SpanQueueLoop",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueTelemetry",
            dependencies: [
                "CSpanQueueTelemetry", "SpanQueueLoop",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(name: "SpanQueueGzip", dependencies: ["CSpanQueueZlib"], swiftSettings: settings),
        .target(
            name: "SpanQueueOTLP",
            dependencies: [
                "SpanQueueCurl", "SpanQueueGzip", "SpanQueueTelemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueue",
            dependencies: [
                "CSpanQueueOpenSSL", "SpanQueueLoop", "SpanQueueTelemetry",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueRedis",
            dependencies: [
                "SpanQueue", "HiredisClient",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Scripts")],
            swiftSettings: settings
        ),
        .target(name: "CSpanQueuePostgresSchema", exclude: ["Migrations"]),
        .target(
            name: "SpanQueuePostgres",
            dependencies: [
                "CSpanQueuePostgresSchema", "PostgresClient", "SpanQueue", "SpanQueueLoop", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueTesting",
            dependencies: ["SpanQueue", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),
        .target(name: "CSpanQueueSpawn"),
        .target(
            name: "SpanQueueCurl",
            dependencies: [
                "CSpanQueueCurl", "SpanQueueLoop", .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueHandlers",
            dependencies: [
                "CSpanQueueSpawn", "SpanQueue", "SpanQueueCurl", "SpanQueueLoop", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueAdmin",
            dependencies: ["SpanQueue", "SpanQueueTelemetry", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueServer",
            dependencies: [
                "SpanQueue", "SpanQueueAdmin", "SpanQueueGzip", "SpanQueueLoop", "SpanQueueTelemetry",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(name: "CSpanQueueWeb", exclude: ["Assets"]),
        .target(
            name: "SpanQueueWeb",
            dependencies: [
                "CSpanQueueWeb", "SpanQueue", "SpanQueueAdmin", "SpanQueueGzip", "SpanQueueLoop", "SpanQueueServer",
                "SpanQueueTelemetry",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueBenchmarks",
            dependencies: [
                "CSpanQueueHiredis", "HiredisClient", "PostgresClient", "SpanQueue", "SpanQueueLoop",
                "SpanQueuePostgres", "SpanQueueRedis", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueCommand",
            dependencies: [
                "HiredisClient", "PostgresClient", "SpanQueue", "SpanQueueOTLP", "SpanQueuePostgres", "SpanQueueRedis",
                "SpanQueueServer", "SpanQueueTelemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "spanq",
            dependencies: [
                "CSpanQueueSpawn", "HiredisClient", "SpanQueue", "SpanQueueAdmin", "SpanQueueBenchmarks",
                "SpanQueueCommand", "SpanQueueCurl",
                "PostgresClient",
                "SpanQueueHandlers",
                "SpanQueueOTLP", "SpanQueuePostgres", "SpanQueueRedis",
                "SpanQueueServer",
                "SpanQueueTelemetry", "SpanQueueWeb",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "spanq-demo",
            dependencies: [
                "CSpanQueueZlib", "SpanQueue", "SpanQueueRedis", "SpanQueueTelemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(name: "HeldProcess", path: "Tests/HeldProcess", swiftSettings: settings),
        .target(
            name: "RedisServerFixture", dependencies: ["HeldProcess"], path: "Tests/RedisServerFixture",
            swiftSettings: settings),
        .target(
            name: "PostgresServerFixture", dependencies: ["HeldProcess"], path: "Tests/PostgresServerFixture",
            swiftSettings: settings),
        .target(name: "HTTPFixture", path: "Tests/HTTPFixture", swiftSettings: settings),
        .testTarget(
            name: "SpanQueueHandlersTests",
            dependencies: [
                "CSpanQueueCurl", "SpanQueue", "SpanQueueCurl", "SpanQueueHandlers", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueTelemetryTests",
            dependencies: [
                "SpanQueueTelemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueOTLPTests",
            dependencies: [
                "SpanQueueCurl", "SpanQueueOTLP", "SpanQueueTelemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueLoopTests",
            dependencies: ["SpanQueueLoop", .product(name: "NIOConcurrencyHelpers", package: "swift-nio")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "HiredisClientTests",
            dependencies: [
                "CSpanQueueHiredis", "HiredisClient", "RedisServerFixture", "SpanQueueLoop",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresClientTests",
            dependencies: [
                "PostgresClient", "PostgresServerFixture", "SpanQueueLoop",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueuePostgresTests",
            dependencies: [
                "CSpanQueuePostgres", "PostgresClient", "PostgresServerFixture", "SpanQueue", "SpanQueueLoop",
                "SpanQueuePostgres",
                "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            exclude: ["Upgrade/migration-2.sql"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "IntegrationWorker",
            dependencies: [
                "SpanQueue", "SpanQueueRedis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/IntegrationWorker",
            swiftSettings: settings
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "IntegrationWorker", "RedisServerFixture", "SpanQueue", "SpanQueueRedis", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueTestingTests",
            dependencies: ["SpanQueue", "SpanQueueTesting"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueTests",
            dependencies: [
                "SpanQueue", "SpanQueueLoop", "SpanQueueTelemetry", "SpanQueueTesting",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueRedisTests",
            dependencies: [
                "ModelDriver",
                "HiredisClient", "RedisServerFixture", "SpanQueue", "SpanQueueLoop", "SpanQueueRedis",
                "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Layout1"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EngineConformance",
            dependencies: [
                "ModelDriver", "PostgresClient", "PostgresServerFixture", "RedisServerFixture", "SpanQueue",
                "SpanQueueLoop", "SpanQueuePostgres", "SpanQueueRedis", "SpanQueueTelemetry", "SpanQueueTesting",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/EngineConformance",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TransferTests",
            dependencies: [
                "PostgresClient", "PostgresServerFixture", "RedisServerFixture", "SpanQueue", "SpanQueueAdmin",
                "SpanQueuePostgres", "SpanQueueRedis", "SpanQueueTelemetry", "spanq",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueAdminTests",
            dependencies: [
                "SpanQueue", "SpanQueueAdmin", "SpanQueueTelemetry", "SpanQueueTesting",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueServerTests",
            dependencies: [
                "HTTPFixture", "SpanQueue", "SpanQueueAdmin", "SpanQueueGzip", "SpanQueueServer", "SpanQueueTelemetry",
                "SpanQueueTesting",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueWebTests",
            dependencies: [
                "CSpanQueueWeb", "HTTPFixture", "SpanQueue", "SpanQueueAdmin", "SpanQueueServer", "SpanQueueTesting",
                "SpanQueueWeb",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TelemetryWorker",
            dependencies: [
                "SpanQueue", "SpanQueueRedis", "SpanQueueServer", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/Support/TelemetryWorker",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TelemetryEndToEndTests",
            dependencies: [
                "RedisServerFixture", "SpanQueue", "SpanQueueOTLP", "SpanQueueRedis", "SpanQueueTelemetry",
                "TelemetryWorker", "spanq",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SecurityTests",
            dependencies: [
                "HTTPFixture", "HiredisClient", "RedisServerFixture", "SpanQueue", "SpanQueueRedis",
                "SpanQueueTelemetry", "spanq",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CostTests",
            dependencies: [
                "HiredisClient", "RedisServerFixture", "SpanQueue", "SpanQueueLoop", "SpanQueueRedis", "spanq",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanqTests",
            dependencies: [
                "PostgresServerFixture", "RedisServerFixture", "SpanQueue", "SpanQueueAdmin", "SpanQueueCommand",
                "SpanQueueCurl", "SpanQueueHandlers",
                "SpanQueueServer", "SpanQueueTelemetry", "SpanQueueWeb", "spanq",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ModelDriver",
            dependencies: [
                "HiredisClient", "PostgresClient", "PostgresServerFixture", "RedisServerFixture", "SpanQueue",
                "SpanQueueLoop", "SpanQueuePostgres", "SpanQueueRedis", "SpanQueueTelemetry", "SpanQueueTesting",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/ModelDriver",
            resources: [.embedInCode("Clock/clock_shim.c")],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "soak",
            dependencies: [
                "ModelDriver", "SpanQueueRedis", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Support/Soak",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ModelTests",
            dependencies: ["ModelDriver", "SpanQueueRedis"],
            exclude: ["Mutants", "Regressions"],
            swiftSettings: settings
        ),
        .target(
            name: "FaultHarness",
            dependencies: [
                "HiredisClient", "ModelDriver", "PostgresClient", "PostgresServerFixture", "RedisServerFixture",
                "SpanQueue", "SpanQueueLoop", "SpanQueuePostgres", "SpanQueueRedis", "SpanQueueTelemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/FaultHarness",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "FaultProcess",
            dependencies: ["FaultHarness", .product(name: "Logging", package: "swift-log")],
            path: "Tests/FaultProcess",
            swiftSettings: settings
        ),
        .testTarget(
            name: "FaultTests",
            dependencies: ["FaultHarness", "FaultProcess", "spanq"],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)

/// `Scripts/fuzz` sets this: the targets of the fuzz tests then become a program of libFuzzer's, which has a `main` of its own.
if Context.environment["SPANQ_FUZZ"] == "1" {
    package.targets.append(
        .executableTarget(
            name: "spanq-fuzz",
            dependencies: [
                "HiredisClient", "SpanQueue", "SpanQueueCurl", "SpanQueueOTLP", "SpanQueueRedis", "SpanQueueServer",
                "SpanQueueTelemetry",
            ],
            path: "Tests/FuzzTests",
            exclude: ["Command", "FuzzTests.swift", "Mutation.swift"],
            swiftSettings: settings + [.define("SPANQ_FUZZ")]
        ))
} else {
    package.targets.append(
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "HiredisClient", "SpanQueue", "SpanQueueCurl", "SpanQueueOTLP", "SpanQueueRedis", "SpanQueueServer",
                "SpanQueueAdmin", "SpanQueueCommand", "SpanQueueTelemetry",
                "spanq",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ))
}

/// `Scripts/bench --micro` sets this: it measures what is not public, and counts allocations.
if Context.environment["SPANQ_BENCHMARKS"] == "1" {
    package.targets += [
        .target(name: "CAllocationCount", path: "Benchmarks/Telemetry/Sources/CAllocationCount"),
        .executableTarget(
            name: "MetricsBenchmark",
            dependencies: [
                "CAllocationCount", "SpanQueueOTLP", "SpanQueueTelemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            path: "Benchmarks/Telemetry/Sources/MetricsBenchmark",
            swiftSettings: settings
        ),
    ]
}

/// `SPANQ_BUILD_GATEWAY=1` adds the gateway, and with it gRPC, which takes minutes to build: nothing else of the package depends on it, and who
/// depends on the package fetches none of it. `SPANQ_TESTS` leaves it out where it names none of its tests.
let testNames = Context.environment["SPANQ_TESTS"]?.split(separator: ",").map(String.init) ?? []
let buildsGateway =
    Context.environment["SPANQ_BUILD_GATEWAY"] == "1" && Context.environment["SPANQ_FUZZ"] != "1"
    && (testNames.isEmpty || testNames.contains { $0.contains("Gateway") })
if buildsGateway {
    package.products.append(.executable(name: "spanq-gateway", targets: ["spanq-gateway"]))
    package.dependencies += [
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        // Without its traits it does not need all of Foundation.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    ]
    package.targets += [
        .target(
            name: "SpanQueueProto",
            dependencies: [
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            resources: [.embedInCode("Descriptors")],
            swiftSettings: settings
        ),
        .target(
            name: "SpanQueueGateway",
            dependencies: [
                "SpanQueue", "SpanQueueAdmin", "SpanQueueLoop", "SpanQueueProto", "SpanQueueServer",
                "SpanQueueTelemetry",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "spanq-gateway",
            dependencies: [
                "CSpanQueueSpawn", "SpanQueue", "SpanQueueAdmin", "SpanQueueCommand", "SpanQueueGateway",
                "SpanQueueServer", "SpanQueueTelemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "GatewayEngine",
            dependencies: [
                "SpanQueue", "SpanQueueAdmin", "SpanQueueGateway", "SpanQueueLoop", "SpanQueueProto", "SpanQueueServer",
                "SpanQueueTelemetry",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: "Tests/GatewayEngine",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SpanQueueGatewayTests",
            dependencies: [
                "GatewayEngine", "HeldProcess", "ModelDriver", "PostgresClient", "PostgresServerFixture",
                "RedisServerFixture", "SpanQueue",
                "SpanQueueAdmin",
                "SpanQueueGateway",
                "SpanQueueLoop", "SpanQueuePostgres", "SpanQueueProto", "SpanQueueRedis", "SpanQueueServer",
                "SpanQueueTelemetry", "SpanQueueTesting", "spanq", "spanq-gateway",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: settings
        ),
    ]
    // Its engines behind a gateway are subjects of it, too.
    for target in package.targets where target.name == "EngineConformance" {
        target.dependencies.append("GatewayEngine")
        target.swiftSettings = settings + [.define("SPANQ_BUILD_GATEWAY")]
    }
}

/// `SPANQ_TESTS=SpanqTests,CostTests swift test` builds these test targets alone: all of them take minutes after a change in the core.
if !testNames.isEmpty {
    package.targets.removeAll { $0.type == .test && !testNames.contains($0.name) }
}
