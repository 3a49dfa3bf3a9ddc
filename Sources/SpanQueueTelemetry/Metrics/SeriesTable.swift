/// The series of one family: found by their label values, kept in the order in which they are exposed, and limited in
/// number.
struct SeriesTable<Series: Sendable>: Sendable {
    /// The value of every label of the overflow child.
    static var overflowValue: String { "_other_" }

    private let limit: Int
    private let make: @Sendable (MetricLabels) -> Series
    private var byKey: [[String]: Series] = [:]
    private var order: [(labels: MetricLabels, series: Series)] = []
    private var overflow: Series?

    init(limit: Int, make: @escaping @Sendable (MetricLabels) -> Series) {
        self.limit = limit
        self.make = make
    }

    var count: Int { order.count }
    var inOrder: [Series] { order.map(\.series) }

    /// The series of `key`, made if it is new and there is room, else the overflow child.
    mutating func find(
        _ key: [String], overflowKey: () -> [String], labels: ([String]) -> MetricLabels
    ) -> (series: Series, isOverflow: Bool) {
        if let series = byKey[key] { return (series, false) }
        if byKey.count < limit {
            let series = insert(labels(key))
            byKey[key] = series
            return (series, false)
        }
        let overflowKey = overflowKey()
        if let series = overflow ?? byKey[overflowKey] { return (series, true) }
        let series = insert(labels(overflowKey))
        overflow = series
        return (series, true)
    }

    /// Series are made seldom and read at every scrape, so they are put in their place when they are made.
    private mutating func insert(_ labels: MetricLabels) -> Series {
        let series = make(labels)
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if order[middle].labels < labels { low = middle + 1 } else { high = middle }
        }
        order.insert((labels, series), at: low)
        return series
    }
}
