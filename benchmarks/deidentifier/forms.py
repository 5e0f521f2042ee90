"""Forms and tables of the training notes: any label, any separator, any order of fields and columns."""

from __future__ import annotations

import random

# What labels stand before a slot in forms; those without a slot are before what identifies nobody.
_LABELS: dict[str, str] = {
    "P.full": "Name|Patient|Patient name|Pt|Pt name|Full name|Client|Subject|Resident|Examinee|Name of patient|Claimant|Member|Patient's name",
    "P.comma": "Name|Patient|Patient name|Name (last, first)|Pt|Surname, forename",
    "P.last": "Surname|Last name|Family name|Last",
    "P.first": "First name|Forename|Given name|Forenames|Preferred name|Known as|First|Likes to be called",
    "P.initials": "Initials|Subject initials|Pt initials",
    "P.caps": "Name|Patient|Pt|PATIENT NAME",
    "D.full": "Doctor|Physician|Attending|Consultant|PCP|GP|Provider|Surgeon|Referring physician|Referred by|Ordering provider|Requested by|Seen by"
    "|Author|Reported by|Read by|Clinician|Therapist|Nurse|Midwife|Responsible clinician|Authorised by|Dictated by|Prescriber|Registered GP"
    "|Anaesthetist|Assistant|Key worker|Case manager|Investigator|Supervisor|Witness|Interpreter|Signed|Approved by|Checked by|Performed by|Tech",
    "D.last": "Doctor|Attending|Consultant|Surgeon|GP|PCP|MD|Dr|Resp consultant|Reg|SHO|Primary|Anes|Asst",
    "D.initlast": "Consultant|GP|Requester|Provider|Signed|Physician|Taken by",
    "D.initials": "Initials|Signed|Nurse|By|Checked|Tech|Entered",
    "D2.full": "cc|Copy to|Referring|Second opinion|Resident|Fellow|Coordinator",
    "R.full": "Next of kin|NOK|Emergency contact|Guardian|Parent|Spouse|Mother|Father|Carer|Contact person|Informant|Guarantor|POA|Partner|Responsible party|Person to notify|Accompanied by|Subscriber name",
    "R.first": "Mother|Father|Partner|Spouse|Wife|Husband|Carer|Contact|Child|Sibling|Person present",
    "dob": "DOB|Date of birth|D.O.B.|Born|Birth date|Birthdate|d.o.b|Birthday|DoB",
    "date": "Date|Date of service|DOS|Visit date|Admitted|Discharged|Date of admission|Date of discharge|Seen|Collected|Received|Reported|Exam date|Dictated"
    "|Typed|Signed on|Date of operation|Date of surgery|Date of injury|Expires|Effective|Last visit|Next visit|Implanted|Procedure date|Service date|Printed",
    "dm": "Date|Next appt|Last seen|Follow-up|Due|Reviewed|Admit|LMP|Last dose",
    "my": "Last seen|Diagnosed|Since|Onset|Implanted|Last colonoscopy",
    "mrn": "MRN|Medical record number|Hospital no|Hospital number|Unit no|Chart no|Patient ID|Pt ID|Record number|Med rec #|Hosp #|PID|URN|UR|Patient number|MR#|K number|District no",
    "nhs": "NHS No|NHS number|NHS|CHI|H&C number",
    "ssn": "SSN|Social Security|SS#|Soc Sec No|Social Security Number",
    "address": "Address|Street|Home address|Residence|Addr|Street address|Address line 1|Lives at",
    "town": "City|Town|Place of birth|Birthplace|City/Town|Town/City|Residence|Lives in|From|Hometown|Village|Suburb",
    "county": "County|District|Parish|Borough|Council|Local authority",
    "zip": "ZIP|Zip code|Postal code",
    "postcode": "Postcode|Post code|Postal code",
    "phone": "Phone|Tel|Telephone|Home phone|Mobile|Cell|Work phone|Contact no|Contact number|Phone (H)|Ph|Callback|Daytime tel|M|T|Office|After hours|Hotline",
    "fax": "Fax|Fax no|F|Facsimile|Fax number",
    "pager": "Pager|Bleep|Ext|Beeper|Extension|Bleep no|Contact",
    "email": "Email|E-mail|Email address|Mail|E",
    "url": "Website|Portal|Web|Link|URL|Results link|Video link",
    "ip": "IP|IP address|From host|Client IP|Source|Terminal|Host",
    "user": "User|Login|Username|User ID|Logged in as",
    "plan": "Member ID|Policy no|Policy|Insurance ID|Subscriber ID|Medicare no|Medicaid ID|Group no|Health plan|Insurance no|Beneficiary|Health card|Membership|Medical aid no|Scheme no|Plan ID|Insured no|ID no",
    "account": "Account|Account no|Acct|Acct #|Billing account|Invoice|Bank account|IBAN|Guarantor account|Statement no|Card no|FIN|Bill no|Visit acct",
    "licence": "Licence|License no|Lic #|Driver's license|DL|GMC|NMC PIN|State license|Prescriber no|Provider no|Registration|Medical council no|HCPC|Certificate no|Driving licence|AHPRA|Reg no",
    "npi": "NPI|NPI no",
    "dea": "DEA|DEA no|DEA #",
    "plate": "Plate|Vehicle|Car reg|Registration|License plate|Number plate|Vehicle reg|Tag|Car",
    "vin": "VIN|Vehicle ID|Chassis no",
    "serial": "Serial|Serial no|S/N|SN|Lot|Lot no|Device ID|Serial number|UDI|Implant|Batch|Generator|Lead|Pump|Transmitter|IMEI|Asset tag|Device serial|RV lead|Valve no",
    "bio": "Fingerprint ID|Biometric ID|Iris scan|Retina|Voiceprint|Palm vein|Face ID|Biometric|Template ID|Fingerprint",
    "photo": "Photo|Image|File|Picture|Wound photo|Attachment|Images|Scan file|Clinical photo",
    "other": "Accession|Accession no|Acc#|Case|Case no|Order|Order no|Specimen|Lab no|Study ID|Trial no|Subject|Subject no|Ref|Our ref|Your ref|Reference|Passport|Claim|Docket|Badge|Employee no|Student ID|Incident|Report no|Sample|Encounter|Visit no|CSN|Episode|Request no|Form no|Ticket|Job|Rx no|Prescription no|Barcode|Screening no|Randomisation no|Inmate no|Police ref|Batch|Document ID|Transaction|Kit",
    "claim": "Claim|Claim no|WC claim|Claim number",
    "hospital": "Hospital|Facility|Site|Institution|Location|Organisation|Organization|Trust|Centre|Referred from|Transferred from|Transferred to|Place of delivery|Treated at|Sender|Lab",
    "clinic": "Clinic|Practice|Location|Facility|Referred to|Department|Office|Provider group",
    "surgery": "Surgery|GP surgery|Practice|GP|Registered practice|GP practice",
    "ward": "Ward|Unit|Location|Room|Dept|Loc",
    "home": "Residence|Care home|Facility|Lives at|Discharged to|Placement|Disposition",
    "school": "School|College|Education|Attends|Place of study|Nursery",
    "employer": "Employer|Company|Works for|Place of work|Employed by|Work|Occupation",
    "pharmacy": "Pharmacy|Preferred pharmacy|Chemist|Nominated pharmacy",
    "age90": "Age|Age (years)|AGE|Age at death|Age today",
    "": "Sex|Gender|Religion|Marital status|Race|Ethnicity|Language|Allergies|Diagnosis|Medication|Age|Weight|Height|Blood type|Occupation|Diet|Status|Code status|Priority|Reason|Indication|Procedure"
    "|Complaint|Triage level|Insurance|Mode of arrival|Relationship|Smoker|Alcohol|Result|Specimen type|Dose|Route|Anesthesia|Condition|Disposition|Department|Service|Payer|State|Country|Nationality|Handedness|Title|Time",
}  # fmt: skip
_NO_IDENTIFIERS = (
    "{sex}|male|female|none|{ep}|{drug}|{age}|{wt}|{lang}|single|married|{sx}|{procedure}|{payer}|{rel}|{time}|{state}|{country}|O pos|English|{job}|yes|no"
    "|N/A|unknown|{dept}|{abbr}|routine|urgent|{lab}|{weekday}|{year}|{brand}|NKDA|walk-in|full|general|blood|{model}|never|oral|stable|home|{staff}|Mr|Mrs|self"
    "|divorced|widowed|Catholic|Muslim|Hindu|Jewish|white|Asian|Hispanic|right|left|{exam}|pending|see below|{bp}|{gene}"
).split("|")
_SEPARATORS = (
    ": ",
    ": ",
    ": ",
    ":",
    " - ",
    "\t",
    "  ",
    " ",
    " = ",
    " | ",
    " # ",
    " ... ",
    ":\n",
    ".: ",
    ":  ",
)
_BETWEEN = ("\n", "\n", "\n", "  ", "    ", " | ", "; ", ", ", "\t", " / ", ". ")  # fmt: skip
_COLUMNS = (
    "N.full", "N.comma", "N.last", "N.first", "N.initlast", "N.initials", "dob", "dm", "mrn", "phone", "D.last", "D2.last", "town", "ward", "age90", "address",
    "date", "other", "hospital", "R.first", "D.initials",
)  # fmt: skip
_PLAIN_COLUMNS = (
    "{age}", "{age}{sex}", "{sex}", "{ep}", "{ep}", "{ep}", "{sx}", "{lab}", "{time}", "{procedure}", "{drug}", "{dept}", "{abbr}",
    "{roomno}", "{bp}", "home", "stable", "awaiting bed", "{weekday}", "{imaging}", "obs 4 hourly", "{rel}", "d{1-9}", "NBM", "{stage}",
)  # fmt: skip


def form(draw: random.Random) -> str:
    """Fields of a form as a template, in one style."""
    separator, between = draw.choice(_SEPARATORS), draw.choice(_BETWEEN)
    case = draw.choice((str, str, str, str.upper, str.title, str.lower))
    lines = []
    for slot in draw.sample(list(_LABELS), draw.randint(2, 12)):
        label = case(draw.choice(_LABELS[slot].split("|")))
        value = f"{{{slot}}}" if slot else draw.choice(_NO_IDENTIFIERS)
        lines.append(f"{label}{separator}{value}")
        if draw.random() < 0.3:
            label = case(draw.choice(_LABELS[""].split("|")))
            lines.append(f"{label}{separator}{draw.choice(_NO_IDENTIFIERS)}")
    return between.join(lines)


def table(draw: random.Random) -> str:
    """Rows of a list of patients as a template: the same columns in each."""
    columns = [f"{{{slot}}}" for slot in draw.sample(_COLUMNS[:6], 1)]
    columns += [f"{{{slot}}}" for slot in draw.sample(_COLUMNS, draw.randint(0, 3))]
    columns += draw.sample(_PLAIN_COLUMNS, draw.randint(1, 4))
    if draw.random() < 0.5:
        draw.shuffle(columns)
    lead = draw.choice(("", "", "{number}. ", "{number} ", "Bed {number} ", "Bed {number}: ", "- ", "Rm {roomno} ", "Room {roomno}: ",
                        "{roomno}-{1-4} ", "Bay {1-6}/{1-8} ", "#{number} ", "Cubicle {number} ", "{time} ", "Slot {number} "))  # fmt: skip
    joint = draw.choice((" ", "  ", "   ", ", ", " | ", "\t", "; ", " - ", " / "))
    rows = [
        lead.replace("{number}", str(number)) + joint.join(columns)
        for number in range(1, draw.randint(2, 7))
    ]
    return "\n".join(rows)
