/// Walks a list from its tail to its head, page by page, while others push and pop: tells which entries of a page have not been
/// given before, so that none is missed and none is counted twice.
///
/// Pages are asked for by their distance from the tail, so what is taken from the head moves nothing. What is pushed at the tail
/// moves the entries away from it, and what is removed in the middle moves them towards it; so each page begins a little before the
/// end of the last one, and the last entries that were given are looked for in it.
struct ListWalk {
    /// Entries of the last page that are asked for again. Removing more of them than this, less `anchorCount`, between two steps
    /// would make the walk miss some.
    static let overlap = 48
    private static let anchorCount = 16

    /// How many entries to pass over, from the tail.
    private(set) var passed = 0
    private(set) var isFinished = false
    /// The last entries that were given, the last one last.
    private var anchors: [String] = []

    /// Takes what was found behind `passed` entries.
    ///
    /// - Parameters:
    ///   - page: entries, those nearer to the tail first.
    ///   - count: how many were asked for; a page with fewer reaches the head.
    /// - Returns: the entries that have not been given before.
    mutating func take(_ page: [String], askedFor count: Int) -> ArraySlice<String> {
        isFinished = page.count < count
        // Without a trace of what was given, this page is of entries that were given, or pushed since: what follows is farther on.
        // If nothing follows, the rest was taken from the head.
        let fresh = startOfFresh(page).map { page[$0...] } ?? []
        anchors = (anchors + fresh.suffix(Self.anchorCount)).suffix(Self.anchorCount)
        passed = max(0, passed + page.count - Self.overlap)
        return fresh
    }

    /// Behind the last of the anchors that is still there. An id may stand in a damaged list more than once, so of several places the one
    /// that has the most other anchors shortly before it is right.
    private func startOfFresh(_ page: [String]) -> Int? {
        guard !anchors.isEmpty else { return 0 }
        let known = Set(anchors)
        func company(_ index: Int) -> Int {
            page[max(0, index - Self.overlap / 2)..<index].count { known.contains($0) }
        }
        for anchor in anchors.reversed() {
            let places = page.indices.filter { page[$0] == anchor }
            if let best = places.max(by: { company($0) < company($1) }) { return best + 1 }
        }
        return nil
    }
}
