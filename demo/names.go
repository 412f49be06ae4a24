package demo

// A word is a name and, where the bearer writes it in another script, that form.
type word struct{ latin, native string }

// A culture is a stock of names that go together.
type culture struct {
	language    concept // as BCP 47 has it
	syllabic    bool    // the native form is written family first, without a space
	weight      int     // how many of a hundred patients
	family      []word
	women, men  []word
	familyWoman []string // the native and Latin forms of family for a woman, when they differ: "latin/native"
}

const systemLanguage = "urn:ietf:bcp:47"

func latin(names ...string) []word {
	out := make([]word, len(names))
	for i, n := range names {
		out[i] = word{latin: n}
	}
	return out
}

func cultures() []culture {
	return append(latinCultures(), otherCultures()...)
}

func latinCultures() []culture {
	english := concept{systemLanguage, "en", "English"}
	return []culture{
		{language: english, weight: 46,
			family: latin("Abbott", "Bennett", "Carver", "Dawson", "Ellison", "Fletcher", "Grant", "Hobbs", "Iverson", "Jarvis", "Kerr", "Langley", "Mercer", "Nolan", "Osborne", "Pruitt", "Quimby", "Radcliffe", "Sutton", "Thornton", "Upton", "Vaughn", "Whitaker", "Yates", "O'Connell", "McKenna", "Smith-Hale", "Okafor", "Washington", "Freeman"),
			women:  latin("Alice", "Beatrice", "Carol", "Denise", "Eleanor", "Fiona", "Grace", "Hannah", "Imogen", "Joan", "Kayla", "Lillian", "Margaret", "Naomi", "Olivia", "Paige", "Rosalind", "Sylvia", "Tamara", "Violet"),
			men:    latin("Albert", "Brandon", "Cedric", "Douglas", "Edwin", "Franklin", "George", "Harold", "Isaac", "Jerome", "Kenneth", "Leonard", "Marcus", "Nathan", "Oscar", "Percy", "Raymond", "Stanley", "Tobias", "Walter")},
		{language: concept{systemLanguage, "es", "Spanish"}, weight: 18,
			family: latin("Álvarez", "Benítez", "Cárdenas", "Domínguez", "Echeverría", "Fernández", "Gómez", "Hernández", "Ibáñez", "Jiménez", "Muñoz", "Núñez", "Peña", "Quiñones", "Rodríguez", "Vázquez"),
			women:  latin("Ángela", "Belén", "Concepción", "Inés", "Lucía", "María José", "Mónica", "Sofía", "Verónica", "Ximena"),
			men:    latin("Andrés", "Benjamín", "César", "Germán", "Héctor", "Íñigo", "José", "Martín", "Raúl", "Tomás")},
		{language: concept{systemLanguage, "de", "German"}, weight: 6,
			family: latin("Bäcker", "Förster", "Größmann", "Jäger", "Köhler", "Müller", "Schönfeld", "Weiß"),
			women:  latin("Bärbel", "Grete", "Käthe", "Liesel", "Ulrike"),
			men:    latin("Günter", "Jörg", "Jürgen", "Rüdiger", "Uwe")},
		{language: concept{systemLanguage, "pl", "Polish"}, weight: 5,
			family: latin("Dąbrowicz", "Gołąb", "Jabłonka", "Wróbel", "Żuk", "Ździebło"),
			women:  latin("Agnieszka", "Bożena", "Elżbieta", "Grażyna", "Małgorzata"),
			men:    latin("Łukasz", "Mirosław", "Paweł", "Stanisław", "Zbigniew")},
		{language: concept{systemLanguage, "vi", "Vietnamese"}, weight: 5,
			family: latin("Nguyễn", "Trần", "Phạm", "Đặng", "Võ", "Hồ"),
			women:  latin("Thị Hạnh", "Mỹ Linh", "Ngọc Ánh", "Thu Hằng"),
			men:    latin("Văn Đức", "Minh Tuấn", "Quốc Bảo", "Hữu Phước")},
		{language: concept{systemLanguage, "tr", "Turkish"}, weight: 4,
			family: latin("Çelik", "Doğan", "Güneş", "Işık", "Öztürk", "Şahin", "Yıldız"),
			women:  latin("Ayşe", "Çiğdem", "Gülşen", "İpek"),
			men:    latin("Çağlar", "Gökhan", "İbrahim", "Oğuz")},
		{language: concept{systemLanguage, "sv", "Swedish"}, weight: 4,
			family: latin("Åkesson", "Björklund", "Hägg", "Lindström", "Sjögren", "Öberg"),
			women:  latin("Åsa", "Birgit", "Märta", "Sölve"),
			men:    latin("Björn", "Göran", "Håkan", "Pär")},
	}
}

func otherCultures() []culture {
	return []culture{
		{language: concept{systemLanguage, "zh", "Chinese"}, syllabic: true, weight: 3,
			family: []word{{"Wang", "王"}, {"Li", "李"}, {"Zhang", "张"}, {"Liu", "刘"}, {"Zhao", "赵"}},
			women:  []word{{"Xiuying", "秀英"}, {"Meiling", "美玲"}, {"Fang", "芳"}},
			men:    []word{{"Jianguo", "建国"}, {"Wei", "伟"}, {"Zhiqiang", "志强"}}},
		{language: concept{systemLanguage, "ja", "Japanese"}, syllabic: true, weight: 2,
			family: []word{{"Sato", "佐藤"}, {"Suzuki", "鈴木"}, {"Tanaka", "田中"}, {"Yamamoto", "山本"}},
			women:  []word{{"Hanako", "花子"}, {"Yumi", "由美"}, {"Akiko", "明子"}},
			men:    []word{{"Taro", "太郎"}, {"Kenji", "健二"}, {"Hiroshi", "博"}}},
		{language: concept{systemLanguage, "ru", "Russian"}, weight: 2,
			family:      []word{{"Ivanov", "Иванов"}, {"Kuznetsov", "Кузнецов"}, {"Sokolov", "Соколов"}},
			familyWoman: []string{"Ivanova/Иванова", "Kuznetsova/Кузнецова", "Sokolova/Соколова"},
			women:       []word{{"Yelena", "Елена"}, {"Olga", "Ольга"}, {"Tatyana", "Татьяна"}},
			men:         []word{{"Dmitri", "Дмитрий"}, {"Sergei", "Сергей"}, {"Fyodor", "Фёдор"}}},
		{language: concept{systemLanguage, "ar", "Arabic"}, weight: 2,
			family: []word{{"Haddad", "حداد"}, {"Nasser", "ناصر"}, {"Khoury", "خوري"}},
			women:  []word{{"Layla", "ليلى"}, {"Fatima", "فاطمة"}, {"Noor", "نور"}},
			men:    []word{{"Omar", "عمر"}, {"Yusuf", "يوسف"}, {"Karim", "كريم"}}},
		{language: concept{systemLanguage, "el", "Greek"}, weight: 1,
			family:      []word{{"Papadopoulos", "Παπαδόπουλος"}, {"Georgiou", "Γεωργίου"}},
			familyWoman: []string{"Papadopoulou/Παπαδοπούλου", "Georgiou/Γεωργίου"},
			women:       []word{{"Eleni", "Ελένη"}, {"Sofia", "Σοφία"}},
			men:         []word{{"Nikos", "Νίκος"}, {"Yannis", "Γιάννης"}}},
		{language: concept{systemLanguage, "hi", "Hindi"}, weight: 1,
			family: []word{{"Sharma", "शर्मा"}, {"Gupta", "गुप्ता"}},
			women:  []word{{"Priya", "प्रिया"}, {"Lakshmi", "लक्ष्मी"}},
			men:    []word{{"Arjun", "अर्जुन"}, {"Rahul", "राहुल"}}},
		{language: concept{systemLanguage, "ko", "Korean"}, syllabic: true, weight: 1,
			family: []word{{"Kim", "김"}, {"Park", "박"}, {"Choi", "최"}},
			women:  []word{{"Ji-woo", "지우"}, {"Soo-jin", "수진"}},
			men:    []word{{"Min-jun", "민준"}, {"Sung-ho", "성호"}}},
	}
}
