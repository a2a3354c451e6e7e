//! Nagios Core executes the shipped objects; its own status file shows what it made of the answers.

use crate::stage::{Running, Stage, identity, program};
use crate::story::{self, Names};
use std::process::Command;

const NAMES: Names = Names {
    host: "localhost",
    rest: "PowerMTA",
    yahoo: "PowerMTA Yahoo",
    microsoft: "PowerMTA Microsoft",
    ranged: "PowerMTA deferrals",
};

fn configure(stage: &Stage) {
    let (user, group) = identity();
    let objects = stage
        .shipped("icinga/nagios-pmta-vitals.cfg")
        .replace("/usr/bin/mail", stage.mail().to_str().unwrap());
    std::fs::write(stage.path("objects.cfg"), objects).unwrap();
    let host = "define command {\n command_name always-up\n command_line /bin/true\n}\n\
        define host {\n host_name localhost\n address 127.0.0.1\n check_command always-up\n max_check_attempts 1\n\
        check_interval 60\n contact_groups pmta-oncall\n check_period pmta-always\n}\n\
        define service {\n use pmta-vitals-service\n service_description PowerMTA deferrals\n\
        check_command pmta_vitals_check!deferral-ratio!15!60!--provider Yahoo\n contact_groups pmta-nobody\n}\n\
        define contactgroup {\n contactgroup_name pmta-nobody\n}\n";
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
fn the_shipped_objects_go_through_every_state_and_tell_whom_it_concerns() {
    let Some(nagios) = program("nagios4") else { return };
    let stage = story::stage();
    configure(&stage);
    let verified = Command::new(&nagios).arg("-v").arg(stage.path("nagios.cfg")).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.contains("Total Errors:   0"), "{said}");
    let mut running =
        Running::start(Command::new(&nagios).arg(stage.path("nagios.cfg")), stage.path("said.log"));
    story::play(&stage, &mut running, &NAMES);
}
