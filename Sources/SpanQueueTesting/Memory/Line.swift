package import SpanQueue

/// What decides an id's place in its line: the smaller comes first, and equal ranks stand in the order of their ids.
package struct Rank: Sendable, Hashable, Comparable {
    var major: Int64
    var minor: Int64 = 0

    package static func < (left: Rank, right: Rank) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// The ids that stand in one state, in order: a sorted array, as most changes are at its two ends.
package struct Line: Sendable {
    package struct Member: Sendable, Hashable, Comparable {
        var rank: Rank
        package var id: JobID

        package static func < (left: Member, right: Member) -> Bool {
            left.rank == right.rank ? left.id.description < right.id.description : left.rank < right.rank
        }
    }

    package private(set) var members: [Member] = []

    package var count: Int { members.count }
    package var first: Member? { members.first }

    /// How many members stand before the first that satisfies `isLater`, which no member may do that stands before one
    /// that doesn't.
    func count(before isLater: (Member) -> Bool) -> Int {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if isLater(members[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The ids of the first members whose rank's major part is at most `bound`.
    func ids(upTo bound: Int64, limit: Int) -> [JobID] {
        members.prefix(limit).prefix { $0.rank.major <= bound }.map(\.id)
    }

    mutating func insert(_ member: Member) {
        if let last = members.last, last < member {
            members.append(member)
        } else {
            members.insert(member, at: count { $0 >= member })
        }
    }

    mutating func remove(_ member: Member) {
        let index = count { $0 >= member }
        if index < members.count, members[index] == member { members.remove(at: index) }
    }
}
