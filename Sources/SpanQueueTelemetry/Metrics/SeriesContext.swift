/// What a series gets from its family when it is made.
struct SeriesContext: Sendable {
    let definition: FamilyDefinition
    let labels: MetricLabels
    let tally: FamilyTally
    let exemplarFilter: ExemplarFilter
    let startUnixNanoseconds: UInt64
}
