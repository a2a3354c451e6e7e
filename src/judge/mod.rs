//! Pure judgement: detect, attribute, suppress, advise.
pub mod theory;
pub struct Bench;
impl Bench {
    pub fn new(_c: &crate::config::Config) -> Bench {
        Bench
    }
    pub fn step(
        &mut self,
        _at: i64,
        _w: &crate::ledger::Windows,
        _b: &mut crate::ledger::Baselines,
    ) -> Vec<crate::record::Finding> {
        Vec::new()
    }
    pub fn is_awake(&self) -> bool {
        false
    }
}
