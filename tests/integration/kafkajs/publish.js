// Publishes messages as a laboratory's own Node program would: {bootstrap, codec, messages} as JSON on standard input.
// kafkajs itself compresses with gzip; for snappy and zstd its documentation has a codec plugged in. There is none here
// for lz4: kafkajs-lz4 builds a native addon, and lz4js chains its blocks, which Kafka refuses. @kafkajs/zstd builds one
// too, so that zstd comes from WebAssembly.

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require("kafkajs");

let started; // kafkajs asks for a codec at each batch; its memory must not be made anew under another one
const plugged = {
  Snappy: () => require("kafkajs-snappy")(),
  ZSTD: () => {
    const zstd = require("@bokuweb/zstd-wasm");
    started ??= zstd.init();
    return {
      compress: async (encoder) => started.then(() => Buffer.from(zstd.compress(encoder.buffer))),
      decompress: async (buffer) => started.then(() => Buffer.from(zstd.decompress(buffer))),
    };
  },
};

async function publish({ bootstrap, codec, messages }) {
  if (plugged[codec]) {
    CompressionCodecs[CompressionTypes[codec]] = plugged[codec];
  }
  const kafka = new Kafka({ clientId: "lims", brokers: [bootstrap], logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  await producer.connect();
  const byTopic = new Map();
  for (const { topic, ...message } of messages) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), message]);
  }
  await producer.sendBatch({
    acks: -1,
    compression: CompressionTypes[codec],
    topicMessages: [...byTopic].map(([topic, messages]) => ({ topic, messages })),
  });
  await producer.disconnect();
}

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () =>
  publish(JSON.parse(input)).catch((error) => {
    console.error(error);
    process.exit(1);
  }),
);
