import NIOConcurrencyHelpers
internal import Synchronization

/// The metrics of a process: families registered once, recorded into from anywhere, read as a whole.
///
/// Registering a family that exists, with the same shape, returns the one that is there; with another kind, other labels
/// or other buckets it throws `MetricsError`. The first registration's help stays. Names may be given with or without
/// the suffix of their kind (`_total`, `_info`).
///
/// Registration and lookup of children take locks; recording takes none.
public final class MetricsRegistry: Sendable {
    /// The limits this registry was made with.
    public let configuration: MetricsRegistryConfiguration
    /// How long the last page was, uncompressed.
    let lastPageBytes = Atomic<Int>(0)
    let startUnixNanoseconds = SystemClock.now()
    let families: NIOLockedValueBox<FamilyTable>
    /// What the swift-metrics bridge could find no name for.
    let bridgeTally = FamilyTally()
    let collectors = NIOLockedValueBox<[String: CollectorRunner]>([:])

    /// Makes an empty registry.
    public init(_ configuration: MetricsRegistryConfiguration = MetricsRegistryConfiguration()) {
        self.configuration = configuration
        families = NIOLockedValueBox(FamilyTable(reserved: configuration.includesOwnMetrics ? Self.ownSampleNames : []))
    }

    /// The values of all registered families now, without running collectors.
    public func snapshot() -> MetricsSnapshot {
        guard configuration.isEnabled else {
            return MetricsSnapshot(families: [], timeUnixNanoseconds: SystemClock.now())
        }
        var families = families.withLockedValue { $0.families }.map { $0.snapshot() }
        if configuration.includesOwnMetrics { families += ownFamilies() }
        families.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return MetricsSnapshot(families: families, timeUnixNanoseconds: SystemClock.now())
    }

    /// The family of `definition`: the one that is there if it has the same shape, else a new one.
    func register<Series>(
        _ definition: FamilyDefinition, make: @escaping @Sendable (SeriesContext) -> Series,
        point: @escaping @Sendable (Series) -> MetricPoint
    ) throws(MetricsError) -> MetricFamily<Series> {
        try MetricLabelName.check(definition.labels, of: definition.name)
        if definition.kind == .histogram { try MetricBuckets.check(definition.buckets, of: definition.name) }
        let found = families.withLockedValue { table in
            Result { () throws(MetricsError) -> MetricFamily<Series> in
                if let existing = try table.existing(definition) {
                    guard let family = existing as? MetricFamily<Series> else {
                        throw MetricsError(.differentShape, definition.name, FamilyTable.differentShape)
                    }
                    return family
                }
                guard table.families.count < configuration.maximumFamilies else {
                    throw MetricsError(
                        .tooManyFamilies, definition.name,
                        "the registry holds \(table.families.count) families, its maximum")
                }
                let family = MetricFamily(definition, configuration: configuration, make: make, point: point)
                table.add(family)
                return family
            }
        }
        let family = try found.get()
        // Not under the lock: where series are mirrored, that calls other people's code.
        family.begin()
        return family
    }
}
