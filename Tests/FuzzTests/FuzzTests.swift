// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

/// A quick pass over all targets. A crash ends the test run; the last line on stderr then says which seed to set.
///
/// `SPANQ_FUZZ_SECONDS` is the time for each target, 2 unless set; `SPANQ_FUZZ_TARGET` names the only ones, with commas between;
/// `SPANQ_FUZZ_SEED` is a seed to begin with, so that a run can be had again. `Scripts/fuzz` runs those of the libraries under libFuzzer, which looks where it has not been yet.
@Suite("Whatever comes from outside is read or refused", .serialized)
struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let time = Duration.seconds(environment["SPANQ_FUZZ_SECONDS"].flatMap { Int($0) } ?? 2)

    private static let names =
        environment["SPANQ_FUZZ_TARGET"].map { $0.split(separator: ",").map(String.init) }
        ?? (FuzzTarget.libraries + FuzzTarget.command).map(\.name)

    @Test("any bytes", arguments: names)
    func read(name: String) throws {
        let target = try #require((FuzzTarget.libraries + FuzzTarget.command).first { $0.name == name })
        var seed = Self.environment["SPANQ_FUZZ_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max)
        for input in target.seeds { try? target.read(input) }
        let end = ContinuousClock.now + Self.time
        var count = 0
        while ContinuousClock.now < end {
            FileHandle.standardError.write(Data("fuzz \(name): SPANQ_FUZZ_SEED=\(seed)\n".utf8))
            var generator = SeededGenerator(seed: seed)
            let pause = ContinuousClock.now + .seconds(1)
            while ContinuousClock.now < pause {
                try? target.read(Mutation.input(of: target.seeds, &generator))
                count += 1
            }
            seed &+= 1
        }
        #expect(count > 0)
    }

    @Test("each target takes some of its seeds, so that it is not just an exercise in refusing")
    func seeds() {
        for target in FuzzTarget.libraries + FuzzTarget.command {
            #expect(target.seeds.contains { (try? target.read($0)) != nil }, "\(target.name)")
        }
    }
}
