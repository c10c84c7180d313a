"""Takes the records of a Kafka topic, whose stream Kinesis buffers, into files of JSON lines in the bucket Incoming."""
