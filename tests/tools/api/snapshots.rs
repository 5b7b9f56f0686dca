//! Snapshots, as Python reads them over HTTP.

use std::process::Command;

use testkit::lake::{GUILD, KEY, Served};
use testkit::scenes::two_months;
use testkit::venv::tool;

/// What reads Parquet over HTTP asks for parts of it, and follows the names that stay.
const READ_REMOTELY: &str = r#"
import io, json, sys, urllib.request
import pandas, pyarrow.parquet

base, key, guild = sys.argv[1:]
headers = {"x-api-key": key}

class Remote(io.RawIOBase):
    """A file of which only the parts that are read are fetched."""
    def __init__(self, url):
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="HEAD")) as answer:
            self.url, self.size = answer.url, int(answer.headers["content-length"])
        self.at = 0
    def readable(self): return True
    def seekable(self): return True
    def tell(self): return self.at
    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at
    def readinto(self, buffer):
        end = min(self.at + len(buffer), self.size)
        if end <= self.at: return 0
        part = {**headers, "range": f"bytes={self.at}-{end - 1}"}
        with urllib.request.urlopen(urllib.request.Request(self.url, headers=part)) as answer:
            assert answer.status == 206
            data = answer.read()
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)

name = f"{base}/v1/snapshots/latest/messages/guild_id={guild}/month=2025-01.parquet"
remote = Remote(name)
ids = pyarrow.parquet.read_table(remote, columns=["message_id"])
frame = pandas.read_parquet(name, storage_options=headers)
assert list(frame["message_id"]) == ids["message_id"].to_pylist()
assert frame["deleted"].sum() == 1 and (frame["content"] == "edited").sum() == 1
with urllib.request.urlopen(urllib.request.Request(f"{base}/v1/snapshots/latest/manifest.json", headers=headers)) as answer:
    manifest = json.load(answer)
rows = sum(file["rows"] for file in manifest["files"] if file["table"] == "messages")
print(len(frame), rows)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `make venv`: run `make test`"]
async fn python_reads_them_over_http_in_parts() {
    let lake = two_months();
    lake.snapshot().await;
    let served = Served::new(&lake).await;
    let mut python = Command::new(tool("python"));
    let base = format!("http://{}", served.address);
    python.args(["-c", READ_REMOTELY, &base, KEY, &GUILD.to_string()]);
    let output = tokio::task::spawn_blocking(move || python.output());
    let output = output.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "50 70\n");
    served.stop().await;
}
