//! Findings as they stood when they were last judged: the level that every run shows. It judges
//! nothing.

use super::LedgerError;
use crate::record::{Finding, Seconds, State};
use rusqlite::{Connection, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE findings(id TEXT PRIMARY KEY, ended INTEGER, finding TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// For how long an ended finding is still shown, as `active=0`.
const FAREWELL: Seconds = 600;
const MOST: i64 = 2_000;

/// Saves findings by their id; those not named stay as they are. What ended is shown for ten
/// minutes more and then forgotten.
pub(super) fn keep(db: &Connection, findings: &[Finding], now: Seconds) -> Result<(), LedgerError> {
    for finding in findings {
        let ended = matches!(finding.state, State::Resolved | State::Noted).then_some(now);
        let text = serde_json::to_string(finding).map_err(|_| LedgerError::unreadable("a finding"))?;
        // An end that is told twice has happened once.
        db.prepare_cached(
            "INSERT INTO findings(id, ended, finding) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET
             ended = CASE WHEN ?2 IS NULL THEN NULL ELSE coalesce(findings.ended, ?2) END, finding = ?3
             WHERE finding <> ?3 OR (ended IS NULL) <> (?2 IS NULL)",
        )?
        .execute(params![finding.id, ended, text])?;
    }
    if !findings.is_empty() {
        db.prepare_cached("DELETE FROM findings WHERE ended <= ?1")?.execute([now - FAREWELL])?;
        db.prepare_cached(
            "DELETE FROM findings WHERE id IN
             (SELECT id FROM findings ORDER BY ended IS NULL DESC, ended DESC, id LIMIT -1 OFFSET ?1)",
        )?
        .execute([MOST])?;
    }
    Ok(())
}

/// Everything that is pending, open, or ended less than ten minutes ago, by id.
pub(super) fn read(db: &Connection, now: Seconds) -> Result<Vec<Finding>, LedgerError> {
    let mut query =
        db.prepare_cached("SELECT finding FROM findings WHERE ended IS NULL OR ended > ?1 ORDER BY id")?;
    let mut rows = query.query([now - FAREWELL])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        findings.push(parse(row.get_ref(0)?.as_str().map_err(|_| LedgerError::unreadable("a finding"))?)?);
    }
    Ok(findings)
}

pub(super) fn parse(text: &str) -> Result<Finding, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a finding"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store;
    use crate::record::Severity;

    fn finding(id: &str, state: State) -> Finding {
        let note = Finding::note("deferrals", Severity::Warning, 5, "words".to_owned(), "act");
        Finding { id: id.to_owned(), state, ..note }
    }

    fn shown(db: &Connection, now: Seconds) -> Vec<(String, State)> {
        read(db, now).unwrap().into_iter().map(|finding| (finding.id, finding.state)).collect()
    }

    #[test]
    fn an_ended_finding_is_shown_for_ten_minutes_more() {
        let db = store::in_memory(0).unwrap();
        keep(&db, &[finding("a", State::Firing), finding("b", State::Suppressed)], 100).unwrap();
        assert_eq!(shown(&db, 99_999).len(), 2, "open ones stay however old");
        keep(&db, &[finding("a", State::Resolved)], 200).unwrap();
        keep(&db, &[finding("a", State::Resolved)], 700).unwrap();
        assert_eq!(shown(&db, 799).len(), 2);
        assert_eq!(shown(&db, 800), [("b".to_owned(), State::Suppressed)]);
        keep(&db, &[finding("a", State::Firing)], 750).unwrap();
        assert_eq!(shown(&db, 9_999).len(), 2, "it fires again under its id");
    }
}
