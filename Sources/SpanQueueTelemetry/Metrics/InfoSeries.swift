/// One series of an info: the constant 1, whose labels are what is said. There is nothing to record.
public final class InfoSeries: Sendable {
    private let labels: MetricLabels

    init(_ context: SeriesContext) {
        labels = context.labels
    }

    func point() -> MetricPoint {
        MetricPoint(labels: labels, value: .integer(1))
    }
}
