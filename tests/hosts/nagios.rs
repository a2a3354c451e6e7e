//! Nagios Core executes the shipped objects; its own status file shows what it made of the answers.

use crate::stage::{INCIDENT, QUIET, Running, Stage, identity, program};
use std::collections::BTreeMap;
use std::process::Command;

/// The service's block of the status file.
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
    let (user, group) = identity();
    let objects = stage
        .shipped("icinga/nagios-pmta-vitals.cfg")
        .replace("/usr/bin/mail", stage.mail().to_str().unwrap());
    std::fs::write(stage.path("objects.cfg"), objects).unwrap();
    let host = "define command {\n command_name always-up\n command_line /bin/true\n}\n\
        define host {\n host_name localhost\n address 127.0.0.1\n check_command always-up\n max_check_attempts 1\n\
        check_interval 60\n contact_groups pmta-oncall\n check_period pmta-always\n}\n";
    std::fs::write(stage.path("host.cfg"), host).unwrap();
    let folder = stage.folder.path().display();
    std::fs::create_dir(stage.path("spool")).unwrap();
    // A second is a minute here: what waits a minute in the shipped objects waits a second.
    let main = format!(
        "cfg_file={folder}/objects.cfg\ncfg_file={folder}/host.cfg\nlog_file={folder}/nagios.log\n\
         object_cache_file={folder}/objects.cache\nprecached_object_file={folder}/objects.precache\n\
         status_file={folder}/status.dat\nstatus_update_interval=1\nnagios_user={user}\nnagios_group={group}\n\
         check_external_commands=0\ncommand_file={folder}/nagios.cmd\nlock_file={folder}/nagios.lock\n\
         temp_file={folder}/nagios.tmp\ntemp_path={folder}\ncheck_result_path={folder}/spool\n\
         state_retention_file={folder}/retention.dat\nquery_socket={folder}/nagios.qh\nuse_syslog=0\n\
         interval_length=1\nsleep_time=0.1\nenable_notifications=1\nexecute_service_checks=1\n\
         service_inter_check_delay_method=n\nmax_service_check_spread=1\nprocess_performance_data=0\n\
         illegal_macro_output_chars=`~$&|'\"<>\nadmin_email=x\nadmin_pager=x\nenable_flap_detection=0\n"
    );
    std::fs::write(stage.path("nagios.cfg"), main).unwrap();
}

#[test]
fn the_shipped_objects_go_from_ok_to_critical_and_back() {
    let Some(nagios) = program("nagios4") else { return };
    let stage = Stage::new(30.0, INCIDENT);
    stage.collect();
    stage.live(QUIET, 300);
    configure(&stage);
    let verified = Command::new(&nagios).arg("-v").arg(stage.path("nagios.cfg")).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.contains("Total Errors:   0"), "{said}");
    let mut running =
        Running::start(Command::new(&nagios).arg(stage.path("nagios.cfg")), stage.path("said.log"));
    let mut reaches = |service_name: &str, state: &str| {
        running.wait(&format!("{service_name} in state {state}"), || {
            let found = service(&stage, service_name)?;
            let settled = found.get("has_been_checked")? == "1" && found.get("state_type")? == "1";
            (settled && found.get("current_state")? == state).then_some(found)
        })
    };
    let quiet = reaches("PowerMTA", "0");
    assert!(quiet["plugin_output"].starts_with("VITALS OK - nothing found"), "{quiet:?}");
    assert!(quiet["performance_data"].contains("deferral_ratio="), "{quiet:?}");
    stage.live(720, 60);
    for name in ["PowerMTA", "PowerMTA Yahoo"] {
        let warning = reaches(name, "1");
        assert!(warning["plugin_output"].starts_with("VITALS WARNING - [Yahoo]"), "{warning:?}");
        assert!(warning["performance_data"].contains("warning=1"), "{warning:?}");
    }
    stage.live(1_080, 60);
    let critical = reaches("PowerMTA", "2");
    assert!(critical["plugin_output"].starts_with("VITALS CRITICAL - [Yahoo]"), "{critical:?}");
    assert!(critical["long_plugin_output"].contains("[CRITICAL] - deferral-ratio"), "{critical:?}");
    reaches("PowerMTA Yahoo", "2");
    stage.live(2_700, 300);
    for name in ["PowerMTA", "PowerMTA Yahoo"] {
        let over = reaches(name, "0");
        assert!(over["plugin_output"].starts_with("VITALS OK"), "{over:?}");
    }
    // One person is paged for the host; the provider's people hear of the provider.
    let mails = running.wait("mail of the recovery", || {
        let mails = stage.mails();
        (mails.contains("postmaster@example.com: RECOVERY") && mails.contains("oncall@example.com: RECOVERY"))
            .then_some(mails)
    });
    assert!(mails.contains("oncall@example.com: PROBLEM localhost PowerMTA CRITICAL"), "{mails}");
    assert!(!mails.contains("oncall@example.com: PROBLEM localhost PowerMTA Yahoo"), "{mails}");
    assert!(!mails.contains("oncall@example.com: PROBLEM localhost PowerMTA WARNING"), "{mails}");
    assert!(mails.contains("postmaster@example.com: PROBLEM localhost PowerMTA Yahoo WARNING"), "{mails}");
}
