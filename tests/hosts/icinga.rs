//! Icinga 2 executes the shipped definitions; its own status data shows what it made of the answers.

use crate::stage::{Running, Stage, identity, program};
use crate::story::{self, Names};
use std::path::Path;
use std::process::Command;

const NAMES: Names = Names {
    host: "mx1",
    rest: "pmta",
    yahoo: "pmta-Yahoo",
    microsoft: "pmta-Microsoft",
    ranged: "pmta-deferrals",
};

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
         vars.pmta_providers[\"Microsoft\"] = {{ pmta_contacts = \"microsoft\" }}\n \
         vars.pmta_providers[\"Gmail\"] = {{}}\n}}\n\
         apply Service \"pmta-deferrals\" {{\n import \"pmta-vitals-service\"\n \
         vars.pmta_check = \"deferral-ratio\"\n vars.pmta_provider = \"Yahoo\"\n \
         vars.pmta_warning = 15\n vars.pmta_critical = 60\n assign where host.vars.pmta\n}}\n\
         include \"{folder}/pmta-vitals.conf\"\ninclude \"{folder}/routing.conf\"\n"
    );
    std::fs::write(stage.path("icinga2.conf"), main).unwrap();
}

fn icinga(stage: &Stage, program: &Path) -> Command {
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
fn the_shipped_definitions_go_through_every_state_and_tell_whom_it_concerns() {
    let Some(program) = program("icinga2") else { return };
    let stage = story::stage();
    configure(&stage);
    let valid = icinga(&stage, &program).arg("-C").output().unwrap();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));
    let mut running = Running::start(&mut icinga(&stage, &program), stage.path("said.log"));
    story::play(&stage, &mut running, &NAMES);
}
