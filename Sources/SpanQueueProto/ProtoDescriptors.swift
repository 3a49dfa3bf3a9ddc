// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What `proto/` says, as programs read it.
package enum ProtoDescriptors {
    /// A serialized `google.protobuf.FileDescriptorSet`: `proto/spanqueue.v1.binpb`.
    package static var set: [UInt8] { PackageResources.spanqueue_v1_binpb }
}
