// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if SPANQ_FUZZ
    import Foundation

    /// The target that `SPANQ_FUZZ_TARGET` names.
    private let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["SPANQ_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.libraries.first(where: { $0.name == name }) else {
            let names = FuzzTarget.libraries.map(\.name).joined(separator: " ")
            FileHandle.standardError.write(Data("set SPANQ_FUZZ_TARGET to one of: \(names)\n".utf8))
            exit(2)
        }
        return target
    }()

    /// What libFuzzer calls before all else: writes the seeds into the directory that `SPANQ_FUZZ_SEEDS` names.
    @_cdecl("LLVMFuzzerInitialize")
    public func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
        guard let directory = ProcessInfo.processInfo.environment["SPANQ_FUZZ_SEEDS"] else { return 0 }
        for (index, seed) in target.seeds.enumerated() {
            _ = FileManager.default.createFile(atPath: "\(directory)/seed-\(index)", contents: Data(seed))
        }
        return 0
    }

    /// What libFuzzer calls with each input.
    @_cdecl("LLVMFuzzerTestOneInput")
    public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        try? target.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    }
#endif
