//! Key-value stores for the row store, on the rows of a real record: filling, one commit's rows at a time; a page of
//! 100 before a random message; bytes. `cargo run --release -- DATA_FOLDER`, with the service stopped.

use std::ops::Bound;
use std::path::Path;
use std::time::{Duration, Instant};

use guildlake::store::{CompactRow, Record, StoreError, StoreSettings, read_compact};

const COMMIT: usize = 1_000;
const PAGE: usize = 100;
const PAGES: usize = 5_000;

trait Store: Sized {
    fn open(folder: &Path) -> anyhow::Result<Self>;
    fn put(&mut self, rows: &[CompactRow]) -> anyhow::Result<()>;
    /// The values of up to 100 rows of the channel before an id.
    fn page(
        &self,
        low: [u8; 16],
        high: [u8; 16],
        take: &mut dyn FnMut(&[u8]),
    ) -> anyhow::Result<()>;
    fn finish(&mut self) -> anyhow::Result<()>;
}

fn key(row: &CompactRow) -> [u8; 16] {
    raw(row.channel_id.as_i64(), row.message_id.as_i64())
}

fn raw(channel: i64, id: i64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&channel.to_be_bytes());
    key[8..].copy_from_slice(&id.to_be_bytes());
    key
}

struct Fjall(fjall::Database, fjall::Keyspace);

impl Store for Fjall {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        use fjall::config::{BlockSizePolicy, CompressionPolicy};
        let database = fjall::Database::builder(folder)
            .cache_size(32 << 20)
            .worker_threads(1)
            .open()?;
        let keyspace = database.keyspace("rows", || {
            fjall::KeyspaceCreateOptions::default()
                .max_memtable_size(8 << 20)
                .data_block_size_policy(BlockSizePolicy::all(16 << 10))
                .data_block_compression_policy(CompressionPolicy::all(fjall::CompressionType::Lz4))
        })?;
        Ok(Self(database, keyspace))
    }

    fn put(&mut self, rows: &[CompactRow]) -> anyhow::Result<()> {
        let mut batch = self.0.batch();
        for row in rows {
            batch.insert(&self.1, key(row), row.value.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn page(
        &self,
        low: [u8; 16],
        high: [u8; 16],
        take: &mut dyn FnMut(&[u8]),
    ) -> anyhow::Result<()> {
        for found in self.1.range(low..high).rev().take(PAGE) {
            take(&found.into_inner()?.1);
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.1.rotate_memtable_and_wait()?;
        Ok(self.1.major_compact()?)
    }
}

struct Redb(redb::Database);

const TABLE: redb::TableDefinition<[u8; 16], &[u8]> = redb::TableDefinition::new("rows");

impl Store for Redb {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let database = redb::Builder::new()
            .set_cache_size(48 << 20)
            .create(folder.join("rows.redb"))?;
        let write = database.begin_write()?;
        write.open_table(TABLE)?;
        write.commit()?;
        Ok(Self(database))
    }

    fn put(&mut self, rows: &[CompactRow]) -> anyhow::Result<()> {
        let mut write = self.0.begin_write()?;
        // As the others: no commit waits for the disk.
        write.set_durability(redb::Durability::None)?;
        {
            let mut table = write.open_table(TABLE)?;
            for row in rows {
                table.insert(key(row), row.value.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn page(
        &self,
        low: [u8; 16],
        high: [u8; 16],
        take: &mut dyn FnMut(&[u8]),
    ) -> anyhow::Result<()> {
        use redb::{ReadableDatabase, ReadableTable};
        let read = self.0.begin_read()?;
        let table = read.open_table(TABLE)?;
        for found in table.range(low..high)?.rev().take(PAGE) {
            take(found?.1.value());
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let write = self.0.begin_write()?;
        write.commit()?;
        self.0.compact()?;
        Ok(())
    }
}

struct Lmdb(
    heed::Env,
    heed::Database<heed::types::Bytes, heed::types::Bytes>,
);

impl Store for Lmdb {
    #[allow(
        unsafe_code,
        reason = "heed opens files that another process must not change"
    )]
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut options = heed::EnvOpenOptions::new();
        options.map_size(64 << 30);
        let env = unsafe { options.flags(heed::EnvFlags::NO_SYNC).open(folder)? };
        let mut write = env.write_txn()?;
        let database = env.create_database(&mut write, None)?;
        write.commit()?;
        Ok(Self(env, database))
    }

    fn put(&mut self, rows: &[CompactRow]) -> anyhow::Result<()> {
        let mut write = self.0.write_txn()?;
        for row in rows {
            self.1.put(&mut write, &key(row), &row.value)?;
        }
        Ok(write.commit()?)
    }

    fn page(
        &self,
        low: [u8; 16],
        high: [u8; 16],
        take: &mut dyn FnMut(&[u8]),
    ) -> anyhow::Result<()> {
        let read = self.0.read_txn()?;
        for found in self
            .1
            .rev_range(
                &read,
                &(Bound::Included(&low[..]), Bound::Excluded(&high[..])),
            )?
            .take(PAGE)
        {
            take(found?.1);
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.0.force_sync()?)
    }
}

/// What the files take on the disk.
fn bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(it) if it.is_dir() => bytes(&entry.path()),
            // What the file takes on the disk: LMDB's is sparse.
            Ok(it) => it.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// fjall's journals: at most 64 MB in the service, however many rows there are.
fn journals(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let journals = entries.filter(|entry| entry.path().extension().is_some_and(|it| it == "jnl"));
    journals
        .map(|entry| entry.metadata().map_or(0, |it| it.len()))
        .sum()
}

fn measure<S: Store>(name: &str, rows: &[CompactRow]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut store = S::open(folder.path())?;
    let began = Instant::now();
    for commit in rows.chunks(COMMIT) {
        store.put(commit)?;
    }
    let filled = began.elapsed();
    store.finish()?;
    let mut times = Vec::with_capacity(PAGES);
    let mut read = 0;
    for n in 0..PAGES {
        let row = &rows[n * 7919 % rows.len()];
        let began = Instant::now();
        let low = raw(row.channel_id.as_i64(), 0);
        store.page(low, key(row), &mut |value| {
            // As the service does: a value is of use only once it is read.
            let row = read_compact(row.channel_id, row.message_id, value).expect("a row");
            read += usize::from(!row.deleted);
        })?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name:6} filling {:8.0} rows/s   page p50 {:5.0} us, p99 {:5.0} us   {:4.0} bytes a row   ({read} rows read)",
        rows.len() as f64 / filled.as_secs_f64(),
        micros(times[PAGES / 2]),
        micros(times[PAGES * 99 / 100]),
        (bytes(folder.path()) - journals(folder.path())) as f64 / rows.len() as f64
    );
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let data = std::env::args()
        .nth(1)
        .expect("the data folder of a stopped service");
    let data = Path::new(&data);
    let settings = StoreSettings::new(data.join("guildlake.duckdb"), data.join("tmp"));
    let (_record, reader) = Record::open(&settings)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let stop = tokio_util::sync::CancellationToken::new();
    let mut rows: Vec<CompactRow> = runtime.block_on(reader.at_one_moment(&stop, |moment| {
        let mut rows = Vec::new();
        moment.read_rows(|row| {
            rows.push(row);
            Ok::<_, StoreError>(())
        })?;
        Ok::<_, StoreError>(rows)
    }))?;
    // They come in the order of time, not of the keys.
    rows.sort_unstable_by_key(|row| row.message_id);
    let plain: usize = rows.iter().map(|row| 16 + row.value.len()).sum();
    println!(
        "{} rows, {} bytes each with their keys",
        rows.len(),
        plain / rows.len()
    );
    for _ in 0..2 {
        measure::<Fjall>("fjall", &rows)?;
        measure::<Redb>("redb", &rows)?;
        measure::<Lmdb>("LMDB", &rows)?;
    }
    Ok(())
}
