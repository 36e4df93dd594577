"""The test items as tables: item | class | unit | kind | limit | detection limit | limit's basis | method.

limit: a number; low~high for a range; for absent and words, the words that pass and fail. [panel] starts a panel.
"""

_FOOD = """
[vegetables]
毒死蜱 | pesticide_residue | mg/kg | max | 0.02 | 0.005 | GB 2763-2021 | GB 23200.113-2018
腐霉利 | pesticide_residue | mg/kg | max | 0.2 | 0.01 | GB 2763-2021 | GB 23200.113-2018
噻虫胺 | pesticide_residue | mg/kg | max | 0.2 | 0.01 | GB 2763-2021 | GB 23200.121-2021
氧乐果 | pesticide_residue | mg/kg | max | 0.02 | 0.005 | GB 2763-2021 | GB 23200.121-2021
克百威 | pesticide_residue | mg/kg | max | 0.02 | 0.005 | GB 2763-2021 | GB 23200.112-2018
甲拌磷 | prohibited | mg/kg | max | 0.01 | 0.004 | GB 2763-2021 | GB 23200.113-2018
镉(以Cd计) | heavy_metal | mg/kg | max | 0.05 | 0.002 | GB 2762-2022 | GB 5009.15-2023
铅(以Pb计) | heavy_metal | mg/kg | max | 0.1 | 0.02 | GB 2762-2022 | GB 5009.12-2023
[fruit]
多菌灵 | pesticide_residue | mg/kg | max | 3 | 0.02 | GB 2763-2021 | GB/T 20769-2008
吡虫啉 | pesticide_residue | mg/kg | max | 0.5 | 0.01 | GB 2763-2021 | GB 23200.121-2021
苯醚甲环唑 | pesticide_residue | mg/kg | max | 0.5 | 0.01 | GB 2763-2021 | GB 23200.113-2018
氯氟氰菊酯和高效氯氟氰菊酯 | pesticide_residue | mg/kg | max | 0.2 | 0.01 | GB 2763-2021 | GB 23200.113-2018
噻虫胺 | pesticide_residue | mg/kg | max | 0.02 | 0.01 | GB 2763-2021 | GB 23200.121-2021
敌敌畏 | pesticide_residue | mg/kg | max | 0.2 | 0.01 | GB 2763-2021 | GB 23200.113-2018
[meat]
恩诺沙星 | veterinary_residue | μg/kg | max | 100 | 3 | GB 31650-2019 | GB/T 21312-2007
磺胺类(总量) | veterinary_residue | μg/kg | max | 100 | 5 | GB 31650-2019 | GB/T 21316-2007
土霉素 | veterinary_residue | μg/kg | max | 200 | 10 | GB 31650-2019 | GB 31658.17-2021
克伦特罗 | prohibited | μg/kg | absent | | 0.1 | 农业农村部公告第250号 | GB 31658.22-2022
氯霉素 | prohibited | μg/kg | absent | | 0.1 | 农业农村部公告第250号 | GB 31658.20-2022
五氯酚酸钠(以五氯酚计) | prohibited | μg/kg | absent | | 1 | 农业农村部公告第250号 | GB 23200.92-2016
挥发性盐基氮 | quality | mg/100g | max | 15 | 0.18 | GB 2707-2016 | GB 5009.228-2016
[aquatic]
孔雀石绿 | prohibited | μg/kg | absent | | 0.5 | 农业农村部公告第250号 | GB/T 19857-2005
呋喃西林代谢物 | prohibited | μg/kg | absent | | 0.5 | 农业农村部公告第250号 | GB 31656.13-2021
恩诺沙星 | veterinary_residue | μg/kg | max | 100 | 3 | GB 31650-2019 | GB/T 20366-2006
地西泮 | prohibited | μg/kg | absent | | 0.5 | GB 31650-2019 | GB 29697-2013
镉(以Cd计) | heavy_metal | mg/kg | max | 0.1 | 0.002 | GB 2762-2022 | GB 5009.15-2023
[eggs]
恩诺沙星 | veterinary_residue | μg/kg | max | 10 | 2 | GB 31650.1-2022 | GB 31659.2-2022
氟苯尼考 | veterinary_residue | μg/kg | max | 10 | 0.5 | GB 31650.1-2022 | GB 31658.20-2022
甲硝唑 | prohibited | μg/kg | absent | | 0.5 | GB 31650-2019 | GB 31658.23-2022
多西环素 | veterinary_residue | μg/kg | max | 10 | 3 | GB 31650.1-2022 | GB 31659.2-2022
[grain]
镉(以Cd计) | heavy_metal | mg/kg | max | 0.2 | 0.002 | GB 2762-2022 | GB 5009.15-2023
黄曲霉毒素B1 | mycotoxin | μg/kg | max | 5 | 0.1 | GB 2761-2017 | GB 5009.22-2016
脱氧雪腐镰刀菌烯醇 | mycotoxin | μg/kg | max | 1000 | 200 | GB 2761-2017 | GB 5009.111-2016
苯并[a]芘 | contaminant | μg/kg | max | 2 | 0.2 | GB 2762-2022 | GB 5009.27-2016
脱氢乙酸及其钠盐(以脱氢乙酸计) | additive | g/kg | absent | | 0.002 | GB 2760-2014 | GB 5009.121-2016
[oil]
酸价(KOH) | quality | mg/g | max | 3 | | GB 2716-2018 | GB 5009.229-2016
过氧化值 | quality | g/100g | max | 0.25 | | GB 2716-2018 | GB 5009.227-2016
黄曲霉毒素B1 | mycotoxin | μg/kg | max | 10 | 0.1 | GB 2761-2017 | GB 5009.22-2016
苯并[a]芘 | contaminant | μg/kg | max | 10 | 0.2 | GB 2762-2022 | GB 5009.27-2016
溶剂残留量 | contaminant | mg/kg | max | 20 | 2 | GB 2716-2018 | GB 5009.262-2016
[condiments]
苯甲酸及其钠盐(以苯甲酸计) | additive | g/kg | max | 1 | 0.005 | GB 2760-2014 | GB 5009.28-2016
山梨酸及其钾盐(以山梨酸计) | additive | g/kg | max | 1 | 0.005 | GB 2760-2014 | GB 5009.28-2016
氨基酸态氮 | quality | g/100mL | min | 0.4 | | GB 2717-2018 | GB 5009.235-2016
罗丹明B | prohibited | mg/kg | absent | | 0.5 | 食品整治办〔2008〕3号 | SN/T 2430-2010
菌落总数 | hygiene | CFU/g | max | 10000 | | GB 2717-2018 | GB 4789.2-2022
标签 | labelling | | words | 符合~不符合 | | GB 7718-2011 | GB 7718-2011
[preserved]
亚硝酸盐(以亚硝酸钠计) | additive | mg/kg | max | 30 | 1 | GB 2760-2014 | GB 5009.33-2016
苯甲酸及其钠盐(以苯甲酸计) | additive | g/kg | absent | | 0.005 | GB 2760-2014 | GB 5009.28-2016
胭脂红 | additive | g/kg | absent | | 0.0005 | GB 2760-2014 | GB 5009.35-2023
二氧化硫残留量 | additive | g/kg | max | 0.1 | 0.01 | GB 2760-2014 | GB 5009.34-2022
菌落总数 | hygiene | CFU/g | max | 100000 | | GB 2726-2016 | GB 4789.2-2022
沙门氏菌 | pathogen | /25g | absent | 未检出~检出 | | GB 29921-2021 | GB 4789.4-2016
单核细胞增生李斯特氏菌 | pathogen | /25g | absent | 未检出~检出 | | GB 29921-2021 | GB 4789.30-2016
[dairy]
蛋白质 | quality | g/100g | min | 2.9 | | GB 25190-2010 | GB 5009.5-2016
脂肪 | quality | g/100g | min | 3.1 | | GB 25190-2010 | GB 5009.6-2016
黄曲霉毒素M1 | mycotoxin | μg/kg | max | 0.5 | 0.005 | GB 2761-2017 | GB 5009.24-2016
三聚氰胺 | prohibited | mg/kg | max | 2.5 | 0.05 | 卫生部等5部门公告2011年第10号 | GB/T 22388-2008
沙门氏菌 | pathogen | /25g | absent | 未检出~检出 | | GB 29921-2021 | GB 4789.4-2016
[drinks]
铜绿假单胞菌 | pathogen | /250mL | absent | 未检出~检出 | | GB 19298-2014 | GB 8538-2022
溴酸盐 | contaminant | mg/L | max | 0.01 | 0.002 | GB 19298-2014 | GB 8538-2022
菌落总数 | hygiene | CFU/mL | max | 10000 | | GB 7101-2022 | GB 4789.2-2022
甜蜜素(以环己基氨基磺酸计) | additive | g/kg | max | 0.65 | 0.01 | GB 2760-2014 | GB 5009.97-2023
标签 | labelling | | words | 符合~不符合 | | GB 7718-2011 | GB 7718-2011
[bakery]
酸价(以脂肪计)(KOH) | quality | mg/g | max | 5 | | GB 7099-2015 | GB 5009.229-2016
过氧化值(以脂肪计) | quality | g/100g | max | 0.25 | | GB 7099-2015 | GB 5009.227-2016
铝的残留量(干样品,以Al计) | additive | mg/kg | max | 100 | 5 | GB 2760-2014 | GB 5009.182-2017
脱氢乙酸及其钠盐(以脱氢乙酸计) | additive | g/kg | max | 0.5 | 0.002 | GB 2760-2014 | GB 5009.121-2016
菌落总数 | hygiene | CFU/g | max | 100000 | | GB 7099-2015 | GB 4789.2-2022
霉菌 | hygiene | CFU/g | max | 150 | | GB 7099-2015 | GB 4789.15-2016
[spirits]
酒精度 | quality | %vol | range | 51~53 | | GB/T 10781.1-2021 | GB 5009.225-2023
甲醇 | contaminant | g/L | max | 0.6 | 0.01 | GB 2757-2012 | GB 5009.266-2016
氰化物(以HCN计) | contaminant | mg/L | max | 8 | 0.1 | GB 2757-2012 | GB 5009.36-2023
甜蜜素(以环己基氨基磺酸计) | additive | g/kg | absent | | 0.0001 | GB 2760-2014 | GB 5009.97-2023
标签 | labelling | | words | 符合~不符合 | | GB 7718-2011 | GB 7718-2011
[nuts]
酸价(以脂肪计)(KOH) | quality | mg/g | max | 3 | | GB 19300-2014 | GB 5009.229-2016
过氧化值(以脂肪计) | quality | g/100g | max | 0.5 | | GB 19300-2014 | GB 5009.227-2016
黄曲霉毒素B1 | mycotoxin | μg/kg | max | 20 | 0.1 | GB 2761-2017 | GB 5009.22-2016
霉菌 | hygiene | CFU/g | max | 25 | | GB 19300-2014 | GB 4789.15-2016
糖精钠(以糖精计) | additive | g/kg | max | 1 | 0.005 | GB 2760-2014 | GB 5009.28-2016
[starch]
铝的残留量(干样品,以Al计) | additive | mg/kg | max | 200 | 5 | GB 2760-2014 | GB 5009.182-2017
二氧化硫残留量 | additive | g/kg | max | 0.03 | 0.01 | GB 2760-2014 | GB 5009.34-2022
铅(以Pb计) | heavy_metal | mg/kg | max | 0.5 | 0.02 | GB 2762-2022 | GB 5009.12-2023
[tableware]
大肠菌群 | hygiene | /50cm² | absent | 未检出~检出 | | GB 14934-2016 | GB 14934-2016
阴离子合成洗涤剂(以十二烷基苯磺酸钠计) | contaminant | mg/100cm² | absent | | 0.002 | GB 14934-2016 | GB/T 5750.4-2023
[catering]
铝的残留量(干样品,以Al计) | additive | mg/kg | max | 100 | 5 | GB 2760-2014 | GB 5009.182-2017
亚硝酸盐(以亚硝酸钠计) | additive | mg/kg | max | 30 | 1 | GB 2760-2014 | GB 5009.33-2016
罂粟碱 | prohibited | μg/kg | absent | | 20 | 食品整治办〔2008〕3号 | DB31/2010-2012
极性组分 | quality | % | max | 27 | | GB 2716-2018 | GB 5009.202-2016
沙门氏菌 | pathogen | /25g | absent | 未检出~检出 | | GB 31607-2021 | GB 4789.4-2016
[supplements]
西地那非 | prohibited | μg/g | absent | | 0.1 | BJS 201710 | BJS 201710
酚酞 | prohibited | μg/g | absent | | 0.1 | BJS 201710 | BJS 201710
维生素C | quality | g/100g | range | 8~18 | | Q/SYN 0001S | GB 5009.86-2016
铅(以Pb计) | heavy_metal | mg/kg | max | 2 | 0.02 | GB 16740-2014 | GB 5009.12-2023
"""

_OTHERS = """
[rapid_vegetables]
有机磷和氨基甲酸酯类农药 | pesticide_residue | | words | 阴性~阳性 | | KJ 201710 | GB/T 5009.199-2003
克百威(快检) | pesticide_residue | | words | 阴性~阳性 | | KJ 202204 | KJ 202204
[rapid_animal]
恩诺沙星(快检) | veterinary_residue | | words | 阴性~阳性 | | KJ 201906 | KJ 201906
孔雀石绿(快检) | prohibited | | words | 阴性~阳性 | | KJ 201701 | KJ 201701
克伦特罗(快检) | prohibited | | words | 阴性~阳性 | | KJ 201706 | KJ 201706
[rapid_catering]
洁净度(ATP) | hygiene | RLU | max | 30 | | GB 14934-2016 | ATP荧光法
吊白块(快检) | prohibited | | words | 阴性~阳性 | | KJ 201704 | KJ 201704
亚硝酸盐(快检) | additive | | words | 阴性~阳性 | | KJ 201705 | KJ 201705
[drug]
含量测定 | quality | % | range | 93~107 | | 中国药典2020年版 | 通则0512
溶出度 | quality | % | min | 80 | | 中国药典2020年版 | 通则0931
有关物质 | impurity | % | max | 0.5 | 0.01 | 中国药典2020年版 | 通则0512
装量差异 | quality | | words | 符合规定~不符合规定 | | 中国药典2020年版 | 通则0103
微生物限度 | hygiene | CFU/g | max | 1000 | | 中国药典2020年版 | 通则1105
[herbal]
性状 | quality | | words | 符合规定~不符合规定 | | 中国药典2020年版 | 通则0212
二氧化硫残留量 | additive | mg/kg | max | 150 | 10 | 中国药典2020年版 | 通则2331
总灰分 | quality | % | max | 9 | | 中国药典2020年版 | 通则2302
金胺O | prohibited | | words | 未检出~检出 | | 药品检验补充检验方法 | 补充检验方法
水分 | quality | % | max | 13 | | 中国药典2020年版 | 通则0832
[device]
细菌过滤效率 | quality | % | min | 95 | | YY 0469-2011 | YY 0469-2011
环氧乙烷残留量 | contaminant | μg/g | max | 10 | 0.5 | YY 0469-2011 | GB/T 14233.1-2022
无菌 | pathogen | | absent | 未检出~检出 | | GB/T 14233.2-2005 | GB/T 14233.2-2005
患者漏电流 | safety | mA | max | 0.1 | | GB 9706.1-2020 | GB 9706.1-2020
标识和说明书 | labelling | | words | 符合~不符合 | | GB 9706.1-2020 | GB 9706.1-2020
[cosmetic]
汞 | heavy_metal | mg/kg | max | 1 | 0.002 | 化妆品安全技术规范 | 第四章 1.2
铅 | heavy_metal | mg/kg | max | 10 | 0.5 | 化妆品安全技术规范 | 第四章 1.3
氢醌 | prohibited | μg/g | absent | | 7 | 化妆品安全技术规范 | 第四章 2.2
地塞米松 | prohibited | μg/g | absent | | 0.03 | 化妆品安全技术规范 | 第四章 2.34
菌落总数 | hygiene | CFU/g | max | 1000 | | 化妆品安全技术规范 | 第五章 2
标签 | labelling | | words | 符合~不符合 | | 化妆品标签管理办法 | 化妆品标签管理办法
[textile]
甲醛含量 | contaminant | mg/kg | max | 75 | 20 | GB 18401-2010 | GB/T 2912.1-2009
pH值 | quality | | range | 4~8.5 | | GB 18401-2010 | GB/T 7573-2009
可分解致癌芳香胺染料 | prohibited | mg/kg | absent | | 5 | GB 18401-2010 | GB/T 17592-2011
耐摩擦色牢度 | quality | 级 | min | 3 | | GB 18401-2010 | GB/T 3920-2008
纤维含量 | labelling | | words | 符合~不符合 | | GB/T 29862-2013 | GB/T 2910-2009
[electrical]
接地电阻 | safety | Ω | max | 0.1 | | GB 4706.1-2005 | GB 4706.1-2005
泄漏电流 | safety | mA | max | 0.75 | | GB 4706.1-2005 | GB 4706.1-2005
电气强度 | safety | | words | 未击穿~击穿 | | GB 4706.1-2005 | GB 4706.1-2005
标志和说明 | labelling | | words | 符合~不符合 | | GB 4706.1-2005 | GB 4706.1-2005
[materials]
总养分 | quality | % | min | 45 | | GB/T 15063-2020 | GB/T 15063-2020
抗压强度 | quality | MPa | min | 42.5 | | GB 175-2023 | GB/T 17671-2021
硫含量 | contaminant | mg/kg | max | 10 | 0.5 | GB 17930-2016 | SH/T 0689-2000
包装标识 | labelling | | words | 符合~不符合 | | GB 18382-2021 | GB 18382-2021
"""

TABLES = (_FOOD, _OTHERS)
