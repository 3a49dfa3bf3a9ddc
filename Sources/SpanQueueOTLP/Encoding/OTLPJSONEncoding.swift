/// OTLP/JSON: lowerCamelCase keys, ids in hexadecimal, 64-bit numbers in quotes, enums as numbers.
package struct OTLPJSONEncoding: OTLPEncoding {
    package let contentType = "application/json"

    package init() {}
}
