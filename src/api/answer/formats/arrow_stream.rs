//! Arrow's streaming format: the schema with the meanings of the columns, then the batches as they are.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;

use super::encoder::{Broken, Encoder, Out};

pub(crate) struct Stream {
    writer: StreamWriter<Out>,
}

impl Stream {
    pub(crate) fn new(schema: &SchemaRef, out: Out) -> Result<Self, Broken> {
        let writer = StreamWriter::try_new(out, schema)?;
        Ok(Self { writer })
    }
}

impl Encoder for Stream {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken> {
        Ok(self.writer.write(rows)?)
    }

    fn finish(self: Box<Self>) -> Result<(), Broken> {
        Ok(self.writer.into_inner()?.end()?)
    }
}
