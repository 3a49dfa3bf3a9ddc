import Foundation

/// Opaque bytes in JSON: text where they are UTF-8, else base64 under another name.
struct BytesOutput {
    let text: String?
    let base64: String?

    init(_ bytes: [UInt8]?) {
        text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
        base64 = text == nil ? bytes.map { Data($0).base64EncodedString() } : nil
    }
}
