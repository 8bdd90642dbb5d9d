"""A durable single-node broker that speaks the Kafka wire protocol.

Producers and consumers connect with the client library and the settings that they use in
production; only the address differs. Record batches are stored as they arrive: the broker sets
their base offset, which lies outside the batch checksum, verifies that checksum, and never decodes
a record. The cost is therefore per batch, whatever the compression.

=======================  ========  ==============================================================
request                  versions  what of it
=======================  ========  ==============================================================
Produce                  0-8       from version 3 on: acks 0, 1, all; idempotence; every codec
Fetch                    4-11      every fetch is a full one: no sessions
ListOffsets              1-5       earliest, latest, by time to the start of a batch
Metadata                 1-8       one broker; topics are created by it only where that is on
OffsetCommit             2-7       with metadata up to 4,096 bytes
OffsetFetch              1-5       one group a request
FindCoordinator          0-2       groups only
JoinGroup                0-5       classic groups: eager, cooperative, static members
Heartbeat                0-3
LeaveGroup               0-2       one member a request
SyncGroup                0-3
DescribeGroups           0-4
ListGroups               0-4
ApiVersions              0-3       another version is answered with UNSUPPORTED_VERSION
CreateTopics             0-4       one replica; the configurations of ``configs.DEFAULTS``
DeleteTopics             0-3
DeleteRecords            0-1
InitProducerId           0-1       a new id each time; no transactions
DescribeConfigs          1-2       of topics; a broker shows none
CreatePartitions         0-1
DeleteGroups             0-1
IncrementalAlterConfigs  0-0       of topics: set and delete
=======================  ========  ==============================================================

As Apache Kafka does, it ends the connection of a client that sends another request or version,
which a client that asked for the versions never does. Not supported, and refused with an error of
the protocol: transactions, compacted topics, more than one replica. Not offered at all: the
consumer protocol of KIP-848, share groups, ACLs, quotas, SASL and TLS.

It differs on purpose from Apache Kafka in these: nothing acknowledged is lost at kill -9, deleted
records and committed offsets included, and a damaged log stops the start instead of being cut.
"""
