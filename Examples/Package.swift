// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PackageDescription

let spanQueue: [Target.Dependency] = [
    .product(name: "SpanQueue", package: "spanqueue"),
    .product(name: "SpanQueueRedis", package: "spanqueue"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]

let package = Package(
    name: "spanqueue-examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "spanqueue", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // The worker of the README, word for word.
        .executableTarget(name: "WelcomeWorker", dependencies: spanQueue),
        // The code of docs/guides, word for word.
        .target(name: "Guides", dependencies: spanQueue),
        .systemLibrary(name: "CEmailCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .executableTarget(name: "EmailWorker", dependencies: spanQueue + ["CEmailCurl"]),
        .executableTarget(
            name: "ThumbnailWorker",
            dependencies: spanQueue + [.product(name: "Subprocess", package: "swift-subprocess")]),
        // The code of the article "Testing your jobs", word for word.
        .testTarget(
            name: "TestingExampleTests",
            dependencies: [
                .product(name: "SpanQueue", package: "spanqueue"),
                .product(name: "SpanQueueTesting", package: "spanqueue"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
