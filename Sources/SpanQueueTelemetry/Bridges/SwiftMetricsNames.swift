/// How metrics of swift-metrics, whose labels and dimensions may be any text, become series of a registry.
struct SwiftMetricsNames: Sendable {
    let registry: MetricsRegistry

    /// The series of a label and its dimensions; nil where no name for it is free.
    func series<Series: AnyObject & Sendable>(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricKind,
        number: FamilyDefinition.Number = .floating, unit: String = "", buckets: [Double] = [],
        make: @escaping @Sendable (SeriesContext) -> Series, point: @escaping @Sendable (Series) -> MetricPoint
    ) -> Series? {
        let name = MetricNaming.metricName(for: label)
        for candidate in [name, name + "_" + kind.openMetricsType] {
            let base = unit.isEmpty || candidate.hasSuffix("_" + unit) ? candidate : candidate + "_" + unit
            guard
                var definition = try? FamilyDefinition(
                    name: base, openTelemetryName: label, help: "From swift-metrics.", unit: unit, kind: kind)
            else { continue }
            definition.number = number
            definition.buckets = buckets
            definition.hasOpenLabels = true
            if let family = try? registry.register(definition, make: make, point: point) {
                return family.child(open: Self.labels(dimensions))
            }
        }
        registry.bridgeTally.countRejection()
        return nil
    }

    /// Sorted, so that the order in which dimensions are given makes no difference.
    static func labels(_ dimensions: [(String, String)]) -> [MetricLabel] {
        var byName: [String: MetricLabel] = [:]
        for (key, value) in dimensions {
            let name = MetricNaming.labelName(for: key)
            byName[name] = value.isEmpty ? nil : MetricLabel(name, value, attributeName: key)
        }
        return byName.values.sorted()
    }
}
