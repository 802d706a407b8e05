//! The pages of a redb file, as far as it takes to change one and put the checksums right: what a
//! faulty or hostile writer could leave. From the description of the format in redb's `design.md`.

use twox_hash::XxHash3_128;

/// The length of a page.
pub const PAGE: usize = 4096;

/// Where the two commit slots begin, and their length; the checksum is their last 16 bytes.
pub const SLOTS: [usize; 2] = [64, 192];
const SLOT: usize = 128;

/// The length of all that is in front of the pages: the fields of the file, and both slots.
pub const HEADER: usize = SLOTS[1] + SLOT;

const SUM: usize = 16;

/// Puts the checksums of both commit slots right.
pub fn seal_slots(file: &mut [u8]) {
    for start in SLOTS {
        let Some(slot) = file.get_mut(start..start + SLOT) else {
            return;
        };
        let (fields, sum) = slot.split_at_mut(SLOT - SUM);
        sum.copy_from_slice(&XxHash3_128::oneshot(fields).to_le_bytes());
    }
}

/// Changes the page at `page` and puts every checksum right that depends on it, up to the commit
/// slots. Where the page is not part of a tree it is only changed.
pub fn change_sealed(file: &mut [u8], page: usize, change: impl FnOnce(&mut [u8])) {
    let path = path_to_slots(file, page);
    if let Some(bytes) = file.get_mut(page..page + PAGE) {
        change(bytes);
    }
    let mut changed = page;
    for place in path {
        let Some(sum) = checksum(file, changed) else {
            return;
        };
        if let Some(target) = file.get_mut(place..place + SUM) {
            target.copy_from_slice(&sum.to_le_bytes());
        }
        changed = place - place % PAGE;
    }
    seal_slots(file);
}

/// Where the checksum of `page` is stored, then that of the page where it is, and so on.
fn path_to_slots(file: &[u8], mut page: usize) -> Vec<usize> {
    let mut path = Vec::new();
    // No tree is deeper than this.
    while page >= PAGE && path.len() < 16 {
        let Some(sum) = checksum(file, page) else {
            break;
        };
        let Some(place) = find(file, &sum.to_le_bytes()) else {
            break;
        };
        path.push(place);
        page = place - place % PAGE;
    }
    path
}

/// The checksum of a page of a tree whose keys and values have no fixed length.
fn checksum(file: &[u8], page: usize) -> Option<u128> {
    const LEAF: u8 = 1;
    const BRANCH: u8 = 2;
    let bytes = file.get(page..)?;
    let number = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let count = usize::from(u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    let last = count.checked_sub(1)?;
    let end = match *bytes.first()? {
        // Type, count, ends of the keys, ends of the values.
        LEAF => number(4 + 4 * count + 4 * last)?,
        // Type, count, checksums and page numbers of the children, ends of the keys.
        BRANCH => number(8 + (SUM + 8) * (count + 1) + 4 * last)?,
        _ => return None,
    };
    Some(XxHash3_128::oneshot(bytes.get(..end)?))
}

fn find(file: &[u8], sum: &[u8]) -> Option<usize> {
    let first = sum.first()?;
    let mut from = 0;
    loop {
        let rest = file.get(from..)?;
        let at = from + rest.iter().position(|byte| byte == first)?;
        if file.get(at..at + sum.len()) == Some(sum) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::bases;
    use super::*;

    /// What is changed without changing anything is as it was; and there are pages whose
    /// checksums are found, up to a slot: else nothing would ever be sealed.
    #[test]
    fn sealing_finds_the_slots() {
        for base in bases() {
            let mut sealed = 0;
            for page in &base.pages {
                let mut file = base.bytes.clone();
                change_sealed(&mut file, *page, |_| {});
                assert!(file == base.bytes, "{}: page {page}", base.name);
                let path = path_to_slots(&file, *page);
                sealed += usize::from(path.last().is_some_and(|last| *last < PAGE));
            }
            assert!(sealed >= 2, "{}: {sealed}", base.name);
        }
    }
}
