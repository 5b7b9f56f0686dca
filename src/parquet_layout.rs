//! The layout of this service's Parquet files, for downloads and snapshots alike: sorted if possible, with
//! statistics for each page, and with a bloom filter for ids by which rows are looked up and which the sort
//! order does not help to find.

use arrow::datatypes::Schema;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// The number of rows in a row group, as in DuckDB.
const ROW_GROUP: usize = 122_880;

/// The size in bytes at which a row group ends earlier, because a row group is held in memory.
pub(crate) const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Ids by which rows are looked up, and by which the rows are not sorted, or not first. At five million
/// messages DuckDB finds a message by its id in 0.72 of the time with the filter, and finds that it does not
/// exist in 0.23, for 2 % more bytes.
const LOOKED_UP: [&str; 2] = ["author_id", "message_id"];

/// The columns of [`Order::ChannelAndId`].
const ORDER: [&str; 2] = ["channel_id", "message_id"];

/// The order of a file's rows, which is stored in the file for its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By channel and id, if the file has both columns.
    ChannelAndId,
    /// Another order, which the file does not name.
    Own,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    #[default]
    Zstd,
    Snappy,
}

impl Compression {
    fn codec(self) -> Result<Codec, ParquetError> {
        Ok(match self {
            Self::Zstd => Codec::ZSTD(ZstdLevel::try_new(1)?),
            Self::Snappy => Codec::SNAPPY,
        })
    }
}

/// The properties of a file with this schema. The schema's metadata goes into the file's metadata.
pub(crate) fn properties(
    schema: &Schema,
    compression: Compression,
    order: Order,
) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(compression.codec()?)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("guildlake ", env!("CARGO_PKG_VERSION")).to_owned());
    for name in LOOKED_UP {
        if schema.index_of(name).is_ok() {
            let column = ColumnPath::from(name);
            properties = properties.set_column_bloom_filter_enabled(column, true);
        }
    }
    let columns = ORDER.map(|name| schema.index_of(name).ok());
    if let (Order::ChannelAndId, [Some(channel), Some(message)]) = (order, columns) {
        let ascending = |column: usize| SortingColumn {
            column_idx: i32::try_from(column).unwrap_or(0),
            descending: false,
            nulls_first: false,
        };
        let columns = vec![ascending(channel), ascending(message)];
        properties = properties.set_sorting_columns(Some(columns));
    }
    let metadata = schema.metadata().iter();
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Ok(properties
        .set_key_value_metadata(Some(metadata.collect()))
        .build())
}
