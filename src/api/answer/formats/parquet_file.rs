//! Parquet. The query is in the metadata of the file.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;

use super::encoder::{Broken, Encoder, Out};
use crate::api::http::query::query;
use crate::api::http::syntax::one_of;
use crate::parquet_layout::{Compression, Order, ROW_GROUP_BYTES, properties};

const COMPRESSIONS: &[(&str, Compression)] =
    &[("zstd", Compression::Zstd), ("snappy", Compression::Snappy)];

query! {
    /// The parameters that only Parquet has.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct ParquetOptions {
        /// The compression of the file: `zstd` (smaller) or `snappy` (supported by every reader).
        optional compression: Compression = one_of(COMPRESSIONS), default Compression::Zstd => "zstd";
    }
}

pub(crate) struct File {
    writer: ArrowWriter<Out>,
}

impl File {
    pub(crate) fn new(
        schema: &SchemaRef,
        compression: Compression,
        order: Order,
        out: Out,
    ) -> Result<Self, Broken> {
        let properties = properties(schema, compression, order)?;
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
        Ok(Self { writer })
    }
}

impl Encoder for File {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken> {
        self.writer.write(rows)?;
        if self.writer.memory_size() > ROW_GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Broken> {
        Ok(self.writer.into_inner()?.end()?)
    }
}
