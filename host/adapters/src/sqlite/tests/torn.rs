//! Write-ahead logs that a power cut has torn: cut off anywhere, or with something else where the last frames were.

use super::*;

/// What stands before the first page of a log, and before each page in it.
const HEAD: usize = 32;
const FRAME: usize = 24 + 8192;

/// A store's file and its log as a power cut leaves them.
struct Image {
    file: Vec<u8>,
    log: Vec<u8>,
    all: Vec<Record>,
    /// How long the log was when so many records were durable.
    durable: Vec<(usize, usize)>,
}

impl Image {
    async fn take() -> Self {
        let folder = Folder::new();
        let beside = || fs::read(folder.0.path().join("ringfence.db-wal")).unwrap_or_default();
        let store = folder.open();
        let large = vec![b'x'; 20_000];
        let payloads = (0..24).map(|number| if number % 5 == 0 { &large[..] } else { b"small" });
        let all = records(&name("s"), Head::default(), payloads);
        let mut durable = vec![(beside().len(), 0)];
        for batch in all.chunks(3) {
            assert_eq!(store.append(batch.to_vec().into()).durable().await, Ok(()));
            durable.push((beside().len(), durable[durable.len() - 1].1 + batch.len()));
        }
        let file = fs::read(folder.file()).expect("the file");
        Self { file, log: beside(), all, durable }
    }

    /// How many records must be there when the log is as it was up to a place.
    fn expected(&self, whole: usize) -> usize {
        self.durable.iter().rev().find(|(length, _)| *length <= whole).map_or(0, |(_, many)| *many)
    }

    /// Opens what is left, which goes on behind the last whole commit.
    async fn goes_on(&self, log: &[u8], whole: usize, how: &str) {
        let folder = Folder::new();
        fs::write(folder.file(), &self.file).expect("written");
        fs::write(folder.0.path().join("ringfence.db-wal"), log).expect("written");
        let left = &self.all[..self.expected(whole)];
        for more in 0..2 {
            let store = folder.open();
            let there = store.read(&name("s"), 1, usize::MAX).expect("readable");
            assert_eq!(there.len(), left.len() + more, "{how}");
            assert_eq!(there[..left.len()], *left, "{how}");
            let mut verifier = Verifier::new(name("s"));
            there.iter().for_each(|record| verifier.take(record).expect(how));
            let next = record(&name("s"), verifier.head(), b"goes on");
            assert_eq!(store.append(vec![next].into()).durable().await, Ok(()), "{how}");
        }
    }
}

#[tokio::test]
async fn a_torn_log_is_opened_at_its_last_whole_commit_and_goes_on_from_there() {
    let image = Image::take().await;
    let frames = (image.log.len() - HEAD) / FRAME;
    assert!(frames > 30 && image.expected(image.log.len()) == 24 && image.expected(0) == 0, "{frames}");
    for frame in 0..=frames {
        let border = HEAD + frame * FRAME;
        // Before the border, at it, and somewhere in the frame's head and in its page.
        for cut in [border - 1, border, border + 1 + frame % 24, border + 24 + frame * 97] {
            let cut = cut.min(image.log.len());
            image.goes_on(&image.log[..cut], cut, &format!("cut to {cut} bytes")).await;
        }
        let mut zeroed = image.log.clone();
        zeroed[border..].fill(0);
        image.goes_on(&zeroed, border, &format!("zeroes from frame {frame} on")).await;
        let mut garbage = image.log.clone();
        let noise = (0_usize..).map(|place| Digest::of(&place.to_le_bytes()).as_bytes()[0]);
        garbage[border..].iter_mut().zip(noise).for_each(|(byte, other)| *byte ^= other | 1);
        image.goes_on(&garbage, border, &format!("garbage from frame {frame} on")).await;
    }
    for cut in 0..HEAD {
        image.goes_on(&image.log[..cut], 0, &format!("cut to {cut} bytes")).await;
    }
}

#[tokio::test]
async fn one_sector_that_the_disk_did_not_write_takes_its_commit_and_what_followed_and_nothing_before() {
    let image = Image::take().await;
    for sector in (512..image.log.len()).step_by(512 * 7) {
        let mut torn = image.log.clone();
        let end = (sector + 512).min(torn.len());
        torn[sector..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        image.goes_on(&torn, sector, &format!("another sector at {sector}")).await;
    }
}

#[tokio::test]
async fn a_file_that_was_torn_while_its_log_was_taken_in_is_read_from_the_log() {
    let mut image = Image::take().await;
    let frames: Vec<_> = image.log[HEAD..].chunks(FRAME).map(<[u8]>::to_vec).collect();
    let whole = image.log.len();
    let file = image.file.clone();
    for (number, frame) in frames.iter().enumerate() {
        let page = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
        let begin = (page - 1) * 8192;
        image.file = file.clone();
        image.file.resize(image.file.len().max(begin + 8192), 0);
        // A disk writes whole sectors: some of this page, and not the others.
        let sectors = 512 * (1 + number % 15);
        image.file[begin..begin + sectors].copy_from_slice(&frame[24..24 + sectors]);
        image.goes_on(&image.log, whole, &format!("the first {sectors} bytes of page {page} taken in")).await;
        image.file[begin + sectors..begin + 8192].fill(0xa5);
        image.goes_on(&image.log, whole, &format!("and the rest of page {page} garbage")).await;
    }
}
