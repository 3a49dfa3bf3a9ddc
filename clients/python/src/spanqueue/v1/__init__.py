# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The messages of the protocol, as protoc writes them: see Tools/clients/generate."""
