//! `telegraf --test` by hand while Telegraf's and Vector's own collections and a check run on the
//! same ledger: nobody's totals fall, and the last ones equal what the host really did.

use crate::simulated::{Simulated, binary, named};
use influxdb_line_protocol::{FieldValue, parse_lines};
use std::process::{Child, Command, Stdio};

const DROP_IN: &str = include_str!("../../telegraf.d/pmta-vitals.conf");
const ROUNDS: usize = 8;

#[test]
fn telegraf_test_beside_collections_and_a_check() {
    if let Ok(why) = std::env::var("PMTA_VITALS_NO_TELEGRAF") {
        eprintln!("SKIPPED: telegraf --test: {why}");
        return;
    }
    let program = named("PMTA_VITALS_TELEGRAF").expect("set PMTA_VITALS_TELEGRAF to a telegraf binary");
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--rate", "200", "--seed", "12", "--after", "3s", "--for", "12s", "--move-to"];
    let mut host = Simulated::start(&binary(), &folder.path().join("host"), &arguments);
    let state = folder.path().join("state");
    let ours =
        format!("{} --config {} --state {}", binary().display(), host.config().display(), state.display());
    let configuration = folder.path().join("telegraf.conf");
    let text = DROP_IN.replace("/usr/bin/pmta-vitals", &ours);
    assert_ne!(text, DROP_IN, "the drop-in does not name the binary");
    std::fs::write(&configuration, format!("[agent]\n  omit_hostname = true\n{text}")).unwrap();
    let run =
        |arguments: &[&str]| started(Command::new(binary()).args(ours.split(' ').skip(1)).args(arguments));
    let rehearse = || started(Command::new(&program).arg("--config").arg(&configuration).arg("--test"));
    // Both sources are seen before the first record is written.
    let first =
        delivered(&ended(run(&["collect", "--consumer", "vector"])), 0).expect("totals from the start");
    let mut most = [first; 3];
    for _ in 0..ROUNDS {
        let runs = [
            rehearse(),
            run(&["collect", "--consumer", "telegraf"]),
            run(&["collect", "--consumer", "vector"]),
        ];
        let check = run(&["check", "all"]);
        for (child, most) in runs.into_iter().zip(&mut most) {
            *most = delivered(&ended(child), *most).unwrap_or(*most);
        }
        let answer = check.wait_with_output().unwrap();
        assert!(matches!(answer.status.code(), Some(0..=2)), "{answer:?}");
    }
    let truth = host.truth()["total"]["d"].as_i64().unwrap();
    assert!(truth > 100, "only {truth} deliveries");
    assert_eq!(delivered(&ended(run(&["collect", "--consumer", "vector"])), most[2]), Some(truth));
    assert_eq!(delivered(&ended(rehearse()), most[0]), Some(truth));
}

fn started(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("panicked"), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The grand total that was shown, which must not be less than before. `telegraf --test` puts
/// `> ` before each line.
fn delivered(text: &str, before: i64) -> Option<i64> {
    let lines: String =
        text.lines().map(|line| format!("{}\n", line.strip_prefix("> ").unwrap_or(line))).collect();
    let totals =
        parse_lines(&lines).map(Result::unwrap).find(|line| line.series.measurement == "pmta_totals")?;
    let field = totals.field_set.iter().find(|(name, _)| *name == "delivered_total");
    let Some((_, FieldValue::I64(total))) = field else { panic!("no total in {text}") };
    assert!(*total >= before, "it fell from {before} to {total}");
    Some(*total)
}
