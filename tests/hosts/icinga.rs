//! Icinga 2 executes the shipped definitions; its own status data shows what it made of the answers.

use crate::stage::{INCIDENT, QUIET, Running, Stage, identity, program};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

fn service(stage: &Stage, name: &str) -> Option<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(stage.path("status.dat")).ok()?;
    let blocks =
        text.split("servicestatus {").skip(1).map(|block| block.split("\n\t}").next().unwrap_or(block));
    let read = |block: &str| -> BTreeMap<String, String> {
        let pairs = block.lines().filter_map(|line| line.trim().split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    blocks.map(read).find(|block| block.get("service_description").is_some_and(|found| found == name))
}

fn configure(stage: &Stage) {
    let folder = stage.folder.path().display();
    let definitions = stage.shipped("icinga/pmta-vitals.conf");
    let quicker =
        definitions.replace("interval = 1m", "interval = 1s").replace("interval = 30s", "interval = 1s");
    assert_ne!(quicker, definitions);
    std::fs::write(stage.path("pmta-vitals.conf"), quicker).unwrap();
    let routing =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/icinga/routing.conf")).unwrap();
    let sent = routing.replace("| mail -s", &format!("| {} -s", stage.mail().display()));
    assert_ne!(sent, routing);
    std::fs::write(stage.path("routing.conf"), sent).unwrap();
    let main = format!(
        "include <itl>\n\
         object CheckerComponent \"checker\" {{ }}\n\
         object NotificationComponent \"notification\" {{ }}\n\
         object StatusDataWriter \"status\" {{\n status_path = \"{folder}/status.dat\"\n \
         objects_path = \"{folder}/objects.cache\"\n update_interval = 1s\n}}\n\
         object CheckCommand \"always-up\" {{ command = [ \"/bin/true\" ] }}\n\
         object Host \"mx1\" {{\n check_command = \"always-up\"\n address = \"127.0.0.1\"\n vars.pmta = true\n \
         vars.pmta_providers[\"Yahoo\"] = {{ pmta_contacts = \"deliverability\" }}\n \
         vars.pmta_providers[\"Gmail\"] = {{}}\n}}\n\
         include \"{folder}/pmta-vitals.conf\"\ninclude \"{folder}/routing.conf\"\n"
    );
    std::fs::write(stage.path("icinga2.conf"), main).unwrap();
}

fn icinga(stage: &Stage, program: &PathBuf) -> Command {
    let (user, group) = identity();
    let folder = stage.folder.path().display();
    let mut command = Command::new(program);
    command.args(["daemon", "-c"]).arg(stage.path("icinga2.conf"));
    for (constant, value) in [
        ("RunAsUser", user),
        ("RunAsGroup", group),
        ("ConfigDir", format!("{folder}/etc")),
        ("DataDir", format!("{folder}/data")),
        ("LogDir", format!("{folder}/log")),
        ("CacheDir", format!("{folder}/cache")),
        ("SpoolDir", format!("{folder}/spool")),
        ("InitRunDir", format!("{folder}/run")),
        ("PidPath", format!("{folder}/run/icinga2.pid")),
        ("VarsPath", format!("{folder}/cache/icinga2.vars")),
        ("StatePath", format!("{folder}/data/icinga2.state")),
        ("ObjectsPath", format!("{folder}/cache/icinga2.debug")),
        ("ModAttrPath", format!("{folder}/data/modified-attributes.conf")),
    ] {
        command.arg("-D").arg(format!("{constant}={value}"));
    }
    for name in ["etc", "data", "log", "cache", "spool", "run"] {
        std::fs::create_dir_all(stage.path(name)).unwrap();
    }
    command
}

#[test]
fn the_shipped_definitions_go_from_ok_to_critical_and_back() {
    let Some(program) = program("icinga2") else { return };
    let stage = Stage::new(30.0, INCIDENT);
    stage.collect();
    stage.live(QUIET, 300);
    configure(&stage);
    let valid = icinga(&stage, &program).arg("-C").output().unwrap();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));
    let mut running = Running::start(&mut icinga(&stage, &program), stage.path("said.log"));
    let mut reaches = |service_name: &str, state: &str| {
        running.wait(&format!("{service_name} in state {state}"), || {
            let found = service(&stage, service_name)?;
            let settled = found.get("has_been_checked")? == "1" && found.get("state_type")? == "1";
            (settled && found.get("current_state")? == state).then_some(found)
        })
    };
    let quiet = reaches("pmta", "0");
    assert!(quiet["plugin_output"].starts_with("VITALS OK - nothing found"), "{quiet:?}");
    assert!(quiet["performance_data"].contains("deferral_ratio="), "{quiet:?}");
    reaches("pmta-Gmail", "0");
    stage.live(720, 60);
    for name in ["pmta", "pmta-Yahoo"] {
        let warning = reaches(name, "1");
        assert!(warning["plugin_output"].starts_with("VITALS WARNING - [Yahoo]"), "{warning:?}");
        assert!(warning["performance_data"].contains("warning=1"), "{warning:?}");
    }
    reaches("pmta-Gmail", "0");
    stage.live(1_080, 60);
    for name in ["pmta", "pmta-Yahoo"] {
        let critical = reaches(name, "2");
        assert!(critical["plugin_output"].starts_with("VITALS CRITICAL - [Yahoo]"), "{critical:?}");
        assert!(critical["long_plugin_output"].contains("[CRITICAL] - deferral-ratio"), "{critical:?}");
    }
    stage.live(2_700, 300);
    for name in ["pmta", "pmta-Yahoo"] {
        reaches(name, "0");
    }
    let mails = running.wait("mail of the recovery", || {
        let mails = stage.mails();
        (mails.contains("postmaster@example.com: RECOVERY") && mails.contains("oncall@example.com: RECOVERY"))
            .then_some(mails)
    });
    assert!(mails.contains("oncall@example.com: PROBLEM mx1 pmta CRITICAL"), "{mails}");
    assert!(!mails.contains("oncall@example.com: PROBLEM mx1 pmta-Yahoo"), "{mails}");
    assert!(mails.contains("postmaster@example.com: PROBLEM mx1 pmta-Yahoo WARNING"), "{mails}");
}
