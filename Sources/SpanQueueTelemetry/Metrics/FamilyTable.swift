/// The families of a registry, and who has which sample name.
struct FamilyTable {
    static let differentShape = "it exists with another kind, number, unit, labels or buckets"

    private(set) var families: [any RegisteredFamily] = []
    private var byName: [String: any RegisteredFamily] = [:]
    private var ownerBySampleName: [String: String]

    /// A table in which nobody can have the names in `reserved`.
    init(reserved: [String]) {
        ownerBySampleName = Dictionary(reserved.map { ($0, "the registry") }) { first, _ in first }
    }

    /// The family of this definition's name; nil where the name is free.
    func existing(_ definition: FamilyDefinition) throws(MetricsError) -> (any RegisteredFamily)? {
        if let family = byName[definition.name] {
            guard family.definition.hasSameShape(as: definition) else {
                throw MetricsError(.differentShape, definition.name, Self.differentShape)
            }
            return family
        }
        for name in definition.sampleNames {
            if let owner = ownerBySampleName[name] {
                throw MetricsError(.nameTaken, definition.name, "'\(owner)' already has samples called '\(name)'")
            }
        }
        return nil
    }

    mutating func add(_ family: any RegisteredFamily) {
        families.append(family)
        byName[family.definition.name] = family
        for name in family.definition.sampleNames { ownerBySampleName[name] = family.definition.name }
    }

    /// Whether a family of that kind and name would clash with one that is registered.
    func isTaken(_ family: MetricFamilySnapshot) -> Bool {
        family.sampleNames.contains { ownerBySampleName[$0] != nil }
    }
}
