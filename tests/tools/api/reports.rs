//! Reports: every one in every form, read by clients of their own; and the built-in ones against a model.

use std::process::Command;

use axum::http::StatusCode;
use guildlake::report::Library;
use serde_json::{Value, json};
use testkit::lake::GUILD;
use testkit::scenes::january;
use testkit::venv::tool;

#[tokio::test]
#[ignore = "needs `make venv`: run `make test`"]
async fn every_report_answers_in_every_form() {
    let lake = january();
    let list = lake.get("/v1/reports").await.json();
    assert_eq!(list["broken"], json!([]));
    let reports = list["data"].as_array().unwrap();
    assert!(reports.len() >= 18);
    let description: Value = lake.get("/openapi.json").await.json();
    let files = tempfile::tempdir().unwrap();
    for report in reports {
        let href = report["href"].as_str().unwrap();
        assert!(description["paths"][format!("/v1/{href}")].is_object());
        let is_asked_for = |name: &str| {
            let parameters = report["parameters"].as_array().unwrap();
            parameters.iter().any(|it| it["name"] == name)
        };
        let guild = if is_asked_for("guild_id") {
            format!("?guild_id={GUILD}")
        } else {
            String::new()
        };
        for form in ["json", "ndjson", "csv", "arrow", "parquet"] {
            let answer = lake.get(&format!("/v1/{href}.{form}{guild}")).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{href}.{form}: {}",
                answer.text()
            );
            let name = format!("{}.{form}", report["name"].as_str().unwrap());
            std::fs::write(files.path().join(name), &answer.body).unwrap();
        }
    }
    std::fs::write(files.path().join("reports"), list.to_string()).unwrap();
    // Each form, read by a client of its own, has the columns that are told and the same rows.
    let script = r#"
import json, pathlib, sys
import pyarrow as pa, pyarrow.csv, pyarrow.parquet as pq
folder = pathlib.Path(sys.argv[1])
rows = 0
for report in json.loads((folder / "reports").read_text())["data"]:
    file = lambda form: folder / f"{report['name']}.{form}"
    columns = [column["name"] for column in report["columns"]]
    page = json.loads(file("json").read_text())
    lines = [json.loads(line) for line in file("ndjson").read_text().splitlines()]
    assert page["data"] == lines, report["name"]
    assert all(list(row) == columns for row in lines), report["name"]
    table = pa.ipc.open_stream(file("arrow").read_bytes()).read_all()
    assert table.column_names == columns, report["name"]
    assert all(field.metadata[b"description"] for field in table.schema), report["name"]
    assert json.loads(table.schema.metadata[b"guildlake.coverage"]) == page["coverage"]
    parquet = pq.read_table(file("parquet"))
    assert parquet.equals(table), report["name"]
    assert table.num_rows == len(lines), report["name"]
    text = pa.csv.read_csv(file("csv"))
    assert text.column_names == columns and text.num_rows == len(lines), report["name"]
    rows += len(lines)
print(rows)
"#;
    let mut python = Command::new(tool("python"));
    let output = python
        .args(["-c", script])
        .arg(files.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let rows: usize = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap();
    assert!(
        rows > 168,
        "the heat map alone has 168, and there are {rows}"
    );
}

#[test]
#[ignore = "needs `make venv`: run `make test`"]
fn the_built_in_reports_agree_with_the_model() {
    let mut python = Command::new(tool("python"));
    let output = python
        .arg("tests/reports/run.py")
        .arg("--duckdb")
        .arg(tool("duckdb"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    let (_, broken) = Library::default().list();
    assert_eq!(broken, []);
}

/// The odd zones of twenty years; `make zones` goes over all that DuckDB knows.
#[test]
#[ignore = "needs `make venv`: run `make test`"]
fn no_two_periods_begin_at_one_time_in_any_zone() {
    let mut python = Command::new(tool("python"));
    let output = python
        .arg("tests/reports/zones.py")
        .arg("--duckdb")
        .arg(tool("duckdb"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    println!("{said}");
}
