// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PackageDescription

// A package of its own, so that what it needs is nothing that users of SpanQueue fetch.
let package = Package(
    name: "telemetry-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "spanqueue", path: "../.."),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CAllocationCount"),
        .executableTarget(
            name: "MetricsBenchmark",
            dependencies: [
                "CAllocationCount", .product(name: "SpanQueueOTLP", package: "spanqueue"),
                .product(name: "SpanQueueTelemetry", package: "spanqueue"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: [.enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
