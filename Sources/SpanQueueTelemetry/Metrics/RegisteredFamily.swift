/// A family as its registry sees it, whatever its series are.
protocol RegisteredFamily: AnyObject, Sendable {
    var definition: FamilyDefinition { get }
    var tally: FamilyTally { get }
    func snapshot() -> MetricFamilySnapshot
}
