"""Targets by the names of textbooks are found with what comes with medkg alone."""

from __future__ import annotations

import pytest

from medkg.extract.linking.linker import Linker
from medkg.terminology import default_terminology

NAMES = """
ACHE: acetylcholinesterase
BCHE: butyrylcholinesterase
XDH: xanthine oxidase
F2: thrombin
F10: factor Xa
F8: factor VIII
F9: factor IX
F7: factor VIIa
SERPINC1: antithrombin
F3: tissue factor
PLG: plasminogen
PLAT: tissue plasminogen activator
VWF: von Willebrand factor
OPRM1: mu opioid receptor; μ-opioid receptor
OPRK1: kappa opioid receptor
OPRD1: delta opioid receptor
ATP4A: H+/K+-ATPase; gastric H+/K+ ATPase
DMD: dystrophin; dystrophin gene
HTT: huntingtin
SNCA: alpha-synuclein
APP: amyloid precursor protein
MAPT: tau; tau protein
PSEN1: presenilin 1
APOE: apolipoprotein E; APOE4
HMGCR: HMG-CoA reductase
DHFR: dihydrofolate reductase
TYMS: thymidylate synthase
PTGS1: cyclooxygenase-1
PTGS2: cyclooxygenase-2
ALOX5: 5-lipoxygenase
ACE: angiotensin-converting enzyme
AGTR1: angiotensin II type 1 receptor; AT1 receptor
REN: renin
NR3C2: mineralocorticoid receptor
NR3C1: glucocorticoid receptor
AR: androgen receptor
ESR1: estrogen receptor alpha
PGR: progesterone receptor
CYP19A1: aromatase
SRD5A2: 5-alpha-reductase type 2
ADRB1: beta-1 adrenergic receptor
ADRB2: beta-2 adrenergic receptor; β2-adrenoceptor
ADRA2A: alpha-2A adrenergic receptor
DRD2: dopamine D2 receptor; D2 receptor
HTR2A: serotonin 2A receptor; 5-HT2A receptor
HTR1B: 5-HT1B receptor
SLC6A4: serotonin transporter
SLC6A3: dopamine transporter
SLC6A2: norepinephrine transporter; noradrenaline transporter
MAOA: monoamine oxidase A
MAOB: monoamine oxidase B; MAO-B
COMT: catechol-O-methyltransferase
HRH1: histamine H1 receptor; H1 receptor
HRH2: histamine H2 receptor
CHRM3: muscarinic M3 receptor
CHRM2: M2 muscarinic receptor
EGFR: epidermal growth factor receptor
ERBB2: HER2
KDR: VEGF receptor 2; VEGFR-2
ABL1: ABL
KIT: c-KIT
PDGFRA: PDGFR-alpha
MAP2K1: MEK1
ALK: anaplastic lymphoma kinase
JAK2: Janus kinase 2
BTK: Bruton's tyrosine kinase
PIK3CD: PI3K delta
CDK6: cyclin-dependent kinase 6
PARP1: poly(ADP-ribose) polymerase 1
TOP1: topoisomerase I
TOP2A: topoisomerase II alpha
BCL2: BCL-2
PSMB5: proteasome subunit beta type-5
PDCD1: PD-1; programmed cell death protein 1
CD274: PD-L1
CTLA4: CTLA-4
MS4A1: CD20
TNFRSF17: BCMA
TNF: TNF-alpha; tumor necrosis factor
IL6: interleukin-6
IL6R: IL-6 receptor
IL17A: interleukin-17A
IL1B: interleukin 1 beta
IL5: IL-5
IL4R: IL-4 receptor alpha
IGHE: IgE
TNFSF11: RANK ligand
SOST: sclerostin
PTH: parathyroid hormone
CASR: calcium-sensing receptor
INSR: insulin receptor
GLP1R: GLP-1 receptor
DPP4: dipeptidyl peptidase-4
SLC5A2: SGLT2
ABCC8: sulfonylurea receptor 1
PPARG: PPAR-gamma; PPARγ
GCK: glucokinase
GAA: alpha-glucosidase; acid alpha-glucosidase
LDLR: LDL receptor
LPL: lipoprotein lipase
P2RY12: P2Y12 receptor; P2Y12
PDE5A: phosphodiesterase 5
PDE3A: phosphodiesterase-3A
EDNRA: endothelin A receptor
AVPR2: vasopressin V2 receptor
OXTR: oxytocin receptor
GNRHR: GnRH receptor
SSTR2: somatostatin receptor 2
GHR: growth hormone receptor
TPO: thyroid peroxidase
TSHR: TSH receptor
MME: neprilysin
KCNH2: hERG; hERG channel
SCN5A: Nav1.5
SLC12A1: NKCC2
SLC12A3: thiazide-sensitive sodium chloride cotransporter
CA2: carbonic anhydrase II
ODC1: ornithine decarboxylase
DHODH: dihydroorotate dehydrogenase
IMPDH2: inosine monophosphate dehydrogenase 2
FKBP1A: FK506-binding protein
VKORC1: vitamin K epoxide reductase
CYP3A4: cytochrome P450 3A4
ABCB1: P-glycoprotein
ABCG2: BCRP
SLCO1B1: OATP1B1
SLC22A2: organic cation transporter 2
TPMT: thiopurine methyltransferase
DPYD: dihydropyrimidine dehydrogenase
G6PD: glucose-6-phosphate dehydrogenase
GLA: alpha-galactosidase A
GBA1: glucocerebrosidase
PAH: phenylalanine hydroxylase
HEXA: hexosaminidase A
FBN1: fibrillin-1
CP: ceruloplasmin
TF: transferrin
HAMP: hepcidin
EPOR: erythropoietin receptor
MPL: thrombopoietin receptor
C5: complement C5
CFB: factor B
SV2A: synaptic vesicle glycoprotein 2A
HCRTR2: orexin receptor 2
CALCRL: CGRP receptor
CALCA: CGRP
MTNR1A: melatonin receptor 1A
CNR1: cannabinoid receptor 1; CB1 receptor
SMO: smoothened
TP53: p53
"""


@pytest.fixture(scope="module")
def linked() -> dict[str, str]:
    """The symbol of the node that each name is linked to."""
    terminology = default_terminology()
    targets = terminology.nodes.filter(kind="Target")
    symbols = dict(targets.select("id", "name").iter_rows())
    names = [name for line in NAMES.split("\n")[1:-1] for name in line.split(": ")[1].split("; ")]
    links = Linker(terminology.with_frames(nodes=targets)).link([(n, "Target") for n in names])
    return {n: symbols[link.identifier] for n, link in zip(names, links, strict=True) if link}


@pytest.mark.parametrize("line", NAMES.split("\n")[1:-1])
def test_a_target_is_found_by_its_names(line: str, linked: dict[str, str]) -> None:
    symbol, names = line.split(": ")
    assert {name: linked.get(name) for name in names.split("; ")} == dict.fromkeys(
        names.split("; "), symbol
    )
