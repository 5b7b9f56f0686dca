//! Downloads, as those who read them in Python read them.

use std::process::Command;

use testkit::lake::{GUILD, KEY, Served};
use testkit::scenes::odd_texts;
use testkit::venv::tool;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs `make venv`: run `make test`"]
async fn pandas_pyarrow_and_duckdb_read_it() {
    const READ: &str = r#"
import io, sys, urllib.request
import duckdb, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
base, key, folder = sys.argv[1:4]
def get(form):
    url = f"{base.replace('FORM', form)}&include_deleted=true"
    return urllib.request.urlopen(urllib.request.Request(url, headers={"x-api-key": key})).read()
arrow = pa.ipc.open_stream(get("arrow")).read_all()
parquet = pq.read_table(pa.BufferReader(get("parquet")))
ids = arrow["message_id"].to_pylist()
assert len(ids) == 14 and ids == parquet["message_id"].to_pylist()
assert arrow.schema.field("message_id").metadata[b"unit"] == b"snowflake"
assert str(arrow.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
csv = pd.read_csv(io.BytesIO(get("csv")), dtype={"message_id": "int64"}, parse_dates=["created_at"])
assert csv["message_id"].tolist() == ids
assert [time.to_pydatetime() for time in csv["created_at"]] == arrow["created_at"].to_pylist()
with open(f"{folder}/m.parquet", "wb") as file: file.write(get("parquet"))
with open(f"{folder}/m.ndjson", "wb") as file: file.write(get("ndjson"))
for name in ["m.parquet", "m.ndjson"]:
    found = duckdb.sql(f"SELECT message_id::BIGINT FROM '{folder}/{name}' ORDER BY channel_id, message_id")
    assert [row[0] for row in found.fetchall()] == ids, name
print("equal")
"#;
    let lake = odd_texts();
    let served = Served::new(&lake).await;
    let base = format!(
        "http://{}/v1/messages.FORM?guild_id={GUILD}",
        served.address
    );
    let folder = tempfile::tempdir().unwrap();
    let mut read = Command::new(tool("python"));
    read.args(["-c", READ, &base, KEY]).arg(folder.path());
    let read = tokio::task::spawn_blocking(move || read.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&read.stdout), "equal\n", "{said}");
    served.stop().await;
}
